"""Learning by acting: REINFORCE and DQN on the games of gymnasium. What `gradatim play` does.

`play(game, method)` learns a policy, asks it to play 100 new episodes, and can show one of them.
"""

from gradatim.play.dqn import DQN
from gradatim.play.games import Games, make_game
from gradatim.play.playing import METHODS, Played, evaluate, play
from gradatim.play.recording import record, save_recording
from gradatim.play.reinforce import Reinforce

__all__ = [
    "DQN",
    "METHODS",
    "Games",
    "Played",
    "Reinforce",
    "evaluate",
    "make_game",
    "play",
    "record",
    "save_recording",
]
