// Never ends and never calls anything.
static volatile unsigned turns;

void _start(void) {
  for (;;) turns++;
}
