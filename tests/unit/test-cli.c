/* test-cli.c - placeholder until the next edit */
#include "unit/test.h"
int main(void) { return 0; }
