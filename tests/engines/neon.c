/* Runs one native segment of a Program on memory that comes in by stdin, and gives it back on
 * stdout. Compiled for AArch64 and run by an emulator, which then computes as a driver's caller
 * does: `tests/engines/neon.py` is the other end.
 *
 * In:  number of arrays, number of objects, data offset, bytes of the arena (int64 each);
 *      for each array: bytes, offset of its first element (int64), content;
 *      for each object: the number of its array (int64);
 *      content of the arena.
 * Out: status, four words of report (int64), content of every array, content of the arena.
 *
 * Every array lies between inaccessible pages, flush against the one behind it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define SCRATCH (8 << 20)

typedef int32_t Kernel(void **args, int64_t begin, int64_t end, void *scratch);
int32_t SEGMENT(void **objects, void *arena, void *pool, int64_t *report);

static char *scratch;

/* Pieces from the last to the first: none may rely on another. */
int32_t gradatim_parallel_for(void *pool, Kernel *kernel, void **args, int64_t pieces,
                              int64_t grain) {
  int32_t status = 0;
  (void)pool;
  for (int64_t k = (pieces + grain - 1) / grain - 1; k >= 0; k--) {
    int64_t begin = k * grain, end = begin + grain < pieces ? begin + grain : pieces;
    status |= kernel(args, begin, end, scratch);
  }
  return status;
}

static void get(void *target, size_t size) {
  if (size && fread(target, 1, size, stdin) != size) exit(3);
}

static int64_t number(void) {
  int64_t value;
  get(&value, sizeof value);
  return value;
}

static void put(const void *source, size_t size) {
  if (size && fwrite(source, 1, size, stdout) != size) exit(4);
}

static char *guarded(size_t size) {
  size_t room = (size + PAGE - 1) / PAGE * PAGE;
  char *start = mmap(NULL, room + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0);
  if (start == MAP_FAILED) exit(5);
  mprotect(start, PAGE, PROT_NONE);
  mprotect(start + PAGE + room, PAGE, PROT_NONE);
  return start + PAGE + room - size;
}

int main(void) {
  int64_t arrays = number(), count = number(), place = number(), arena_size = number();
  char **data = calloc(arrays + 1, sizeof *data), **first = calloc(arrays + 1, sizeof *first);
  int64_t *sizes = calloc(arrays + 1, sizeof *sizes);
  for (int64_t k = 0; k < arrays; k++) {
    sizes[k] = number();
    int64_t offset = number();
    data[k] = guarded(sizes[k]);
    first[k] = data[k] + offset;
    get(data[k], sizes[k]);
  }
  /* What stands for a Python object: all that is read of one is its pointer to the data. */
  void **objects = calloc(count + 1, sizeof *objects);
  for (int64_t k = 0; k < count; k++) {
    char *object = calloc(1, place + sizeof(void *));
    memcpy(object + place, &first[number()], sizeof(void *));
    objects[k] = object;
  }
  size_t room = (arena_size + 63) / 64 * 64;
  char *arena = guarded(room);
  get(arena, arena_size);
  scratch = guarded(SCRATCH);
  memset(scratch, 0xff, SCRATCH);
  int64_t report[4] = {0, 0, 0, 0};
  int64_t status = SEGMENT(objects, arena, NULL, report);
  put(&status, sizeof status);
  put(report, sizeof report);
  for (int64_t k = 0; k < arrays; k++) put(data[k], sizes[k]);
  put(arena, arena_size);
  return fflush(stdout) ? 4 : 0;
}
