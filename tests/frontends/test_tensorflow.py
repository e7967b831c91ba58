"""TensorFlow 1: nodes, sessions, gradients, optimizers, and what is said about mistakes."""

import numpy as np
import pytest

import gradatim.frontends.tensorflow as tf


@pytest.fixture(autouse=True)
def _new_graph():
    tf.reset_default_graph()


@pytest.fixture
def sess():
    with tf.Session() as session:
        yield session


def value(node, feed=None):
    with tf.Session() as session:
        return session.run(node, feed)


# --- values --------------------------------------------------------------------------------------

A = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], np.float32)
VALUES = [
    (lambda x: tf.reduce_sum(x), A.sum()),
    (lambda x: tf.reduce_sum(x, 1), A.sum(1)),
    (lambda x: tf.reduce_mean(x, axis=[0, 1], keepdims=True), A.mean(keepdims=True)),
    (lambda x: tf.reduce_max(x, reduction_indices=[0]), A.max(0)),
    (lambda x: tf.reduce_prod(x, 1), A.prod(1)),
    (lambda x: tf.reduce_mean(tf.constant([1, 2, 4])), 2),
    (lambda x: tf.matmul(x, x, transpose_b=True), A @ A.T),
    (lambda x: tf.matmul(x, x, transpose_a=True), A.T @ A),
    (lambda x: x**2 + 1 - x / 2, A**2 + 1 - A / 2),
    (lambda x: 2 * x // 3, 2 * A // 3),
    (lambda x: tf.argmax(x), A.argmax(0)),
    (lambda x: tf.argmax(x, 1), A.argmax(1)),
    (lambda x: tf.cast(x > 0, tf.int32), (A > 0).astype(np.int32)),
    (lambda x: tf.reshape(x, [-1]), A.reshape(-1)),
    (lambda x: tf.reshape(x, [tf.shape(x)[1], -1]), A.reshape(3, 2)),
    (lambda x: tf.transpose(x), A.T),
    (lambda x: tf.concat([x, x], 1), np.concatenate([A, A], 1)),
    (lambda x: tf.stack([x, x])[0], A),
    (lambda x: x[:, 1:], A[:, 1:]),
    (lambda x: x[1], A[1]),
    (lambda x: tf.unstack(x, 3, axis=1)[2], A[:, 2]),
    (lambda x: tf.split(x, 3, axis=1)[1], A[:, 1:2]),
    (lambda x: tf.tile(x, [2, 1]), np.tile(A, (2, 1))),
    (lambda x: tf.expand_dims(x, 0), A[None]),
    (lambda x: tf.squeeze(tf.expand_dims(x, 0)), A),
    (lambda x: tf.gather(x, [1, 0]), A[[1, 0]]),
    (lambda x: tf.gather(x, [[2], [0]], axis=1), A[:, [[2], [0]]]),
    (lambda x: tf.one_hot([2, 0], 3), np.eye(3)[[2, 0]]),
    (lambda x: tf.where(x > 0, x, -x), abs(A)),
    (lambda x: tf.boolean_mask(x, x > 0), A[A > 0]),
    (lambda x: tf.clip_by_value(x, -1, 2), A.clip(-1, 2)),
    (lambda x: tf.clip_by_norm(x, 1.0), A / np.linalg.norm(A)),
    (lambda x: tf.cumsum(x, 1), A.cumsum(1)),
    (lambda x: tf.cumsum(x, 1, exclusive=True), A.cumsum(1) - A),
    (lambda x: tf.pad(x, [[1, 0], [0, 2]]), np.pad(A, [(1, 0), (0, 2)])),
    (lambda x: tf.slice(x, [0, 1], [2, -1]), A[:, 1:]),
    (lambda x: tf.add_n([x, x, x]), 3 * A),
    (lambda x: tf.fill([2, 2], 3.0), np.full((2, 2), 3.0)),
    (lambda x: tf.zeros_like(x) + tf.ones([2, 3]), np.ones((2, 3))),
    (lambda x: tf.range(2, 8, 2), [2, 4, 6]),
    (lambda x: tf.size(x) + tf.rank(x), 8),
    (lambda x: tf.nn.l2_loss(x), (A**2).sum() / 2),
    (lambda x: tf.nn.softmax(x), np.exp(A) / np.exp(A).sum(1, keepdims=True)),
    (lambda x: tf.nn.relu(x), A.clip(0)),
    (lambda x: tf.nn.bias_add(x, [1.0, 2.0, 3.0]), A + np.arange(1, 4)),
    (lambda x: tf.nn.in_top_k(x, [2, 2], 1), [True, False]),
    (lambda x: tf.nn.moments(x, [0])[1], A.var(0)),
    (lambda x: tf.cond(tf.constant(True), lambda: x, lambda: -x), A),
    (lambda x: tf.to_float(tf.constant([1, 2])) / 2, [0.5, 1]),
    (lambda x: tf.div(tf.constant(7), 2), 3),
    (lambda x: tf.einsum("ij,kj->ik", x, x), A @ A.T),
    (lambda x: tf.losses.mean_squared_error(x, tf.zeros([2, 3])), (A**2).mean()),
]


@pytest.mark.parametrize("case", range(len(VALUES)))
@pytest.mark.parametrize("shape", [None, [None, 3], [2, 3]], ids=str)
def test_values_with_all_some_or_nothing_of_the_shape_known(case, shape):
    function, expected = VALUES[case]
    x = tf.placeholder(tf.float32, shape)
    node = function(x)
    found = value(node, {x: A})
    assert np.shape(found) == np.shape(expected) and np.allclose(found, expected, rtol=1e-6)
    assert node.dtype.as_numpy_dtype == np.asarray(found).dtype
    if node.sizes is not None:  # what was known before is what came out
        assert len(node.sizes) == np.ndim(found)
        assert all(a in (None, b) for a, b in zip(node.sizes, np.shape(found)))


def test_unstack_counts_where_the_shape_is_known():
    x = tf.placeholder(tf.float32, [None, 3])
    slices = tf.unstack(x, axis=1)
    assert [value(node, {x: A}).tolist() for node in slices] == A.T.tolist()
    with pytest.raises(TypeError, match=r"Cannot infer num from shape .*: give num="):
        tf.unstack(x)
    with pytest.raises(TypeError, match=r"Cannot infer num from shape .*: give num="):
        tf.unstack(tf.placeholder(tf.float32))


def test_python_numbers_are_float32_and_int32():
    assert tf.constant(1.5).dtype == tf.float32 and tf.constant([1]).dtype == tf.int32
    assert tf.constant(np.ones(2)).dtype == tf.float64
    assert tf.placeholder("float").dtype == tf.float32 == "float32"
    assert tf.constant(0.1, shape=[2, 3]).shape.as_list() == [2, 3]


def test_images_have_their_channels_last():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(3, 2, 3, 4))
    valid = value(tf.nn.conv2d(tf.constant(x), tf.constant(w), [1, 1, 1, 1], "VALID"))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))
    assert np.allclose(valid, np.einsum("nhwcij,ijco->nhwo", windows, w))
    same = value(tf.nn.conv2d(tf.constant(x), tf.constant(w), [1, 2, 2, 1], "SAME"))
    padded = np.pad(x, [(0, 0), (1, 1), (0, 0), (0, 0)])  # what is odd goes below and right
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), axis=(1, 2))[:, ::2, ::2]
    assert np.allclose(same, np.einsum("nhwcij,ijco->nhwo", windows, w))
    pooled = value(tf.nn.max_pool(tf.constant(x), [1, 2, 2, 1], [1, 2, 2, 1], "SAME"))
    assert pooled.shape == (2, 3, 3, 3) and np.allclose(pooled[:, 2, 0], x[:, 4, :2].max(1))
    mean = value(tf.nn.avg_pool(tf.constant(x), [1, 2, 2, 1], [1, 2, 2, 1], "SAME"))
    assert np.allclose(mean[:, 2, 0], x[:, 4, :2].mean(1))


def test_cross_entropies():
    labels, logits = np.eye(3, dtype=np.float32)[[0, 2]], tf.constant(A)
    log_p = A - np.log(np.exp(A).sum(1, keepdims=True))
    for function in (
        tf.nn.softmax_cross_entropy_with_logits, tf.nn.softmax_cross_entropy_with_logits_v2,
    ):  # fmt: skip
        assert np.allclose(value(function(labels=labels, logits=logits)), -log_p[[0, 1], [0, 2]])
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2], logits=logits)
    assert np.allclose(value(sparse), -log_p[[0, 1], [0, 2]])
    binary = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    p = 1 / (1 + np.exp(-A.astype(np.float64)))
    expected = -labels * np.log(p) - (1 - labels) * np.log(1 - p)
    assert np.allclose(value(binary), expected, rtol=1e-4)


def test_fetches_may_be_nested(sess):
    x = tf.constant(2.0)
    found = sess.run({"a": x, "b": [x, (x * x, tf.no_op())], "c": tf.group(x)})
    assert found == {"a": 2, "b": [2, (4, None)], "c": None} and type(found["a"]) is np.float32
    assert sess.run("Const:0") == 2 and x.eval() == 2 and x.op.name == "Const"


def test_any_node_may_be_fed(sess):
    x = tf.constant(2.0)
    y = x * 3
    assert sess.run(y + 1, {y: 10.0}) == 11
    assert sess.run(tf.placeholder_with_default(5.0, [])) == 5


# --- gradients -----------------------------------------------------------------------------------


def test_gradients_of_gradients(sess):
    x = tf.placeholder(tf.float32)
    (first,) = tf.gradients(x**3, x)
    (second,) = tf.gradients(first, x)
    assert sess.run([first, second], {x: [2.0, 3.0]})[1].tolist() == [12, 18]


def test_gradients_of_what_is_in_between_and_of_what_is_not_connected(sess):
    x, other = tf.constant([1.0, 2.0]), tf.constant(1.0)
    y = x * 2
    loss = tf.reduce_sum(y * y)
    assert tf.gradients(loss, [other]) == [None]
    by_y, by_x = sess.run(tf.gradients(loss, [y, x]))
    assert by_y.tolist() == [4, 8] and by_x.tolist() == [8, 16]
    assert tf.gradients(tf.stop_gradient(y), [x]) == [None]
    (weighted,) = tf.gradients(y, x, grad_ys=tf.constant([1.0, 10.0]))
    assert sess.run(weighted).tolist() == [2, 20]


def _momentum(g, s):
    s["a"] = 0.9 * s.get("a", 0.0) + g
    return 0.1 * s["a"]


def _adam(g, s):
    t = s["t"] = s.get("t", 0) + 1
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    rate = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return rate * s["m"] / (np.sqrt(s["v"]) + 1e-8)


def _adagrad(g, s):
    s["a"] = s.get("a", 0.1) + g * g
    return 0.1 * g / np.sqrt(s["a"])


def _rmsprop(g, s):
    s["s"] = 0.9 * s.get("s", 1.0) + 0.1 * g * g
    return 0.1 * g / np.sqrt(s["s"] + 1e-10)


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (lambda: tf.train.GradientDescentOptimizer(0.1), lambda g, s: 0.1 * g),
        (lambda: tf.train.MomentumOptimizer(0.1, 0.9), _momentum),
        (lambda: tf.train.AdamOptimizer(0.1), _adam),
        (lambda: tf.train.AdagradOptimizer(0.1), _adagrad),
        (lambda: tf.train.RMSPropOptimizer(0.1), _rmsprop),
    ],
)
def test_optimizers_by_their_formulas(sess, make, change):
    w = tf.Variable(np.array([1.0, -2.0, 0.5]))
    loss = tf.reduce_sum(w * w * w * w)
    step = make().minimize(loss)
    sess.run(tf.global_variables_initializer())
    expected, state = np.array([1.0, -2.0, 0.5]), {}
    for _ in range(4):
        before = sess.run([loss, step])[0]  # the loss is the one before the step
        assert np.isclose(before, (expected**4).sum(), rtol=1e-12)
        expected = expected - change(4 * expected**3, state)
    assert np.allclose(w.eval(), expected, rtol=1e-6)  # Adam's powers are float32 in TensorFlow


def test_gradients_can_be_changed_before_they_are_applied(sess):
    w = tf.Variable([3.0, 4.0])
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(tf.reduce_sum(w * w) / 2)
    clipped, norm = tf.clip_by_global_norm([g for g, _ in pairs], 1.0)
    count = tf.train.get_or_create_global_step()
    step = optimizer.apply_gradients(zip(clipped, [w]), global_step=count)
    sess.run(tf.global_variables_initializer())
    assert np.isclose(sess.run([norm, step])[0], 5.0)
    assert np.allclose(w.eval(), [2.4, 3.2]) and count.eval() == 1


# --- variables -----------------------------------------------------------------------------------


def test_a_variable_belongs_to_a_session():
    v = tf.Variable(1.0)
    add = tf.assign_add(v, 1.0)
    one, two = tf.Session(), tf.Session()
    for session in (one, two):
        session.run(tf.global_variables_initializer())
    one.run(add)
    assert (one.run(v), two.run(v)) == (2, 1)


def test_new_values_count_after_the_run_or_where_control_dependencies_say(sess):
    v = tf.Variable(1.0)
    add = v.assign_add(2.0)
    with tf.control_dependencies([add]):
        after = tf.identity(v)
    sess.run(v.initializer)
    assert sess.run([add, v]) == [3, 1] and sess.run(v) == 3
    assert sess.run([v, after]) == [3, 5]


def test_two_optimizers_in_one_run_see_the_same_values(sess):
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    steps = [tf.train.GradientDescentOptimizer(1.0).minimize(a * b, var_list=[v]) for v in (a, b)]
    sess.run(tf.global_variables_initializer())
    sess.run(steps)
    assert (a.eval(), b.eval()) == (-1, 1)


def test_get_variable_by_name():
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", [2, 3], initializer=tf.zeros_initializer())
        assert tf.get_variable("c", initializer=tf.constant(2.0)).sizes == ()
    with tf.variable_scope("layer", reuse=True):
        assert tf.get_variable("w") is w and w.name == "layer/w:0"
    with pytest.raises(ValueError, match="already exists"), tf.variable_scope("layer"):
        tf.get_variable("w", [2, 3])
    with tf.variable_scope("layer", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("w") is w
        with pytest.raises(ValueError, match=r"specified shape \(2, 4\) and found shape \(2, 3\)"):
            tf.get_variable("w", [2, 4])
    with pytest.raises(ValueError, match="does not exist"), tf.variable_scope("x", reuse=True):
        tf.get_variable("w")
    with tf.name_scope("scope"):
        assert tf.constant(1, name="one").name == "scope/one:0"
    assert [v.name for v in tf.trainable_variables()] == ["layer/w:0", "layer/c:0"]


def test_seeded_draws_are_the_same_in_each_session():
    tf.set_random_seed(1)
    x = tf.random_normal([1000])
    first, second = value(x), value(x)
    assert np.array_equal(first, second) and abs(first.mean()) < 0.2
    cut = value(tf.truncated_normal([1000], stddev=2.0))
    assert abs(cut).max() <= 4.0001 and 1.6 < cut.std() < 1.9  # 2 * 0.8796
    uniform = value(tf.random_uniform([1000], 2, 5, tf.int32))
    assert set(uniform.tolist()) == {2, 3, 4}
    session = tf.Session()
    assert not np.array_equal(session.run(x), session.run(x))  # drawn anew at each run


def test_a_checkpoint_brings_the_values_back(tmp_path):
    v = tf.Variable([1.0, 2.0], name="v")
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(v.assign([5.0, 6.0]))
        path = saver.save(session, str(tmp_path / "model"), global_step=7)
    with tf.Session() as session:
        saver.restore(session, path)
        assert session.run(v).tolist() == [5, 6] and path.endswith("model-7")
        with pytest.raises(tf.errors.NotFoundError):
            saver.restore(session, str(tmp_path / "none"))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"shape \(2,\), and is given"):
            v.load([1.0, 2.0, 3.0], session)
    assert [file.name for file in tmp_path.iterdir()] == ["model-7.safetensors"]


def test_dropout_with_a_noise_shape_draws_once_for_each_row(sess):
    kept = sess.run(tf.nn.dropout(tf.ones([50, 4]), 0.5, noise_shape=[None, 1]))
    assert {tuple(row) for row in kept.tolist()} == {(0.0,) * 4, (2.0,) * 4}


# --- mistakes ------------------------------------------------------------------------------------


def test_a_placeholder_that_is_not_fed(sess):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"feed a value for .*'x'.*\(\?, 3\)"):
        sess.run(x * 2)


def test_a_placeholder_that_is_fed_the_wrong_shape(sess):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    text = r"Cannot feed value of shape \(2, 4\) for Tensor 'x:0', which has shape '\(\?, 3\)'"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        sess.run(x, {x: np.ones((2, 4))})
    with pytest.raises(ValueError, match=text):
        sess.run(x, {x: np.ones((2, 4))})
    with pytest.raises(tf.errors.InvalidArgumentError, match="could not convert string"):
        sess.run(x, {x: "three"})


def test_values_that_do_not_fit_when_they_meet(sess):
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"in Add 'Add', with shapes \[4\]"):
        sess.run(a + b, {a: np.ones(4), b: np.ones(3)})


def test_shapes_that_cannot_fit_are_refused_while_the_graph_is_made():
    x = tf.placeholder(tf.float32, [None, 3])
    with pytest.raises(ValueError, match="MatMul"):
        tf.matmul(x, tf.ones([4, 2]))
    with pytest.raises(ValueError, match="do not broadcast"):
        x + tf.ones([4])
    assert tf.matmul(x, tf.ones([3, 2])).shape.as_list() == [None, 2]
    with pytest.raises(TypeError, match="type float32 that does not match type int32"):
        tf.constant(1) + tf.constant(1.0)


def test_pieces_that_leave_something_over_are_refused():
    with pytest.raises(ValueError, match="the size 10 of axis 0 cannot be cut into 3"):
        tf.split(tf.zeros([10]), 3)
    with pytest.raises(ValueError, match=r"the size 10 of axis 0 cannot be cut into \[4, 4\]"):
        tf.split(tf.zeros([10]), [4, 4])


def test_samples_of_unknown_size_cannot_be_made_flat():
    with pytest.raises(ValueError, match="flatten: the sizes of a sample should be defined"):
        tf.layers.flatten(tf.placeholder(tf.float32))


def test_an_optimizer_that_says_no_rule():
    with pytest.raises(ValueError, match=r"use one of its subclasses"):
        tf.train.Optimizer(0.1).minimize(tf.Variable(1.0) * 2)


def test_a_variable_without_a_value(sess):
    v = tf.Variable(1.0, name="weight")
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value weight"):
        sess.run(v)
    sess.run(tf.global_variables_initializer())
    later = tf.Variable(2.0, name="later")
    assert sess.run(v) == 1  # the graph may grow while a session runs it
    with pytest.raises(tf.errors.FailedPreconditionError, match="later"):
        sess.run(v + later)


def test_a_session_of_another_graph():
    session = tf.Session()
    tf.reset_default_graph()
    with pytest.raises(ValueError, match="is not an element of this graph"):
        session.run(tf.constant(1))
    session.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        session.run(tf.constant(1))
    with pytest.raises(ValueError, match="No default session"):
        tf.constant(1).eval()


def test_a_loss_without_variables():
    with pytest.raises(ValueError, match="No variables to optimize"):
        tf.train.AdamOptimizer().minimize(tf.constant(1.0))
    tf.Variable(1.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        tf.train.AdamOptimizer().minimize(tf.constant(1.0))


def test_a_node_is_neither_true_nor_false():
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(tf.constant(1) > 0)


@pytest.mark.parametrize(
    ("room", "name", "text"),
    [
        (tf, "reduce_summ", "no tf.reduce_summ: the nearest it has is tf.reduce_sum"),
        (tf.nn, "reluu", "no tf.nn.reluu: the nearest it has is tf.nn.relu"),
        (tf.train, "Adam", "the nearest it has is tf.train.AdamOptimizer"),
        (tf, "keras", "no tf.keras: write the layers with"),
    ],
)
def test_a_missing_name_is_said_with_the_nearest_that_is_there(room, name, text):
    with pytest.raises(AttributeError, match=text):
        getattr(room, name)
    with pytest.raises(AttributeError, match="the nearest is 'get_shape'"):
        tf.constant(1).get_shap()


# --- programs ------------------------------------------------------------------------------------

PROGRAM = """
import tensorflow.compat.v1 as tf
import numpy as np
from tensorflow.examples.tutorials.mnist import input_data

tf.disable_v2_behavior()
np.random.seed(0)
flags = tf.app.flags
flags.DEFINE_integer("steps", 5, "how many")
mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)


def main(_):
    x = tf.placeholder(tf.float32, [None, 784])
    y_ = tf.placeholder(tf.float32, [None, 10])
    W = tf.Variable(tf.zeros([784, 10]))
    b = tf.Variable(tf.zeros([10]))
    y = tf.matmul(x, W) + b
    cross_entropy = tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y))
    train_step = tf.train.GradientDescentOptimizer(0.5).minimize(cross_entropy)
    sess = tf.InteractiveSession()
    tf.global_variables_initializer().run()
    for _ in range(flags.FLAGS.steps):
        batch_xs, batch_ys = mnist.train.next_batch(100)
        sess.run(train_step, feed_dict={x: batch_xs, y_: batch_ys})
    correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))
    print(sess.run(accuracy, feed_dict={x: mnist.test.images, y_: mnist.test.labels}) > 0.85)
    print(mnist.train.num_examples, mnist.validation.labels.shape, len(sess._plans))


tf.app.run()
"""


def test_the_tutorials_program(run):
    said = run(PROGRAM, "--steps", "200")
    assert said.out == "True\n55000 (5000, 10) 3\n" and not said.status, said.err


def test_a_second_run_of_a_kind_computes_nothing_in_python(sess):
    calls = []

    def watched(v):
        calls.append(1)
        return v * 2

    from gradatim.frontends.tensorflow.graph import make

    x = tf.placeholder(tf.float32, [None])
    w = tf.Variable([1.0])
    loss = tf.reduce_sum(make("Watched", watched, [x], sizes=(None,)) * w)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    sess.run(tf.global_variables_initializer())
    for _ in range(5):
        sess.run([step, loss], {x: [1.0, 2.0]})
    assert len(calls) == 1
    sess.run([step, loss], {x: [1.0, 2.0, 3.0]})  # another shape is another Program
    assert len(calls) == 2
