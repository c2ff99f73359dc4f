// Calls itself until the stack is full.
static volatile unsigned calls;

__attribute__((noinline)) static unsigned deeper(volatile unsigned *above) {
  volatile unsigned here[16] = {*above + 1};
  calls++;
  if (calls == 0) return 0;
  return deeper(here) + here[0];
}

void _start(void) {
  volatile unsigned start = 0;
  deeper(&start);
}
