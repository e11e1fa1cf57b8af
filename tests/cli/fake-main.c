/* fake-main.c - the native command alone, over the fake engine. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
