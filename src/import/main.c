/* main.c - coppice-import: a description on standard input, lines on standard output. */
#include "import/domain.h"

#include "base/fd.h"

#include <unistd.h>

#define INPUT_MAX (4u << 20)

int main(void)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct out o = {.text = BUF_INIT};
	int r = fd_read_all(STDIN_FILENO, &text, INPUT_MAX), status = 1;

	if (r < 0)
		out_line(&o, 'E', "the description cannot be read, or is larger than %u MiB", INPUT_MAX >> 20);
	else if (domain_read(buf_str(&text), text.len, &o) == 0)
		status = 0;
	if (buf_failed(&o.text) || fd_write_all(STDOUT_FILENO, buf_str(&o.text), o.text.len) < 0)
		status = 1;
	buf_done(&o.text);
	return status;
}
