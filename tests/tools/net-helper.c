/* net-helper.c - stands in for coppice-net in unit tests: changes nothing, and writes what it was asked to do into the file that the first
 * NIC step has as its link.
 *
 *     ACTION [no-netns] WORD WORD ...
 *
 * The first NIC's name says how it ends: "ok", "fail" (its second step), "die", "hang", "mute" (ends without a word), "babble" (answers out
 * of turn). An undo is always well. */
#include "base/err.h"
#include "base/fd.h"
#include "base/msg.h"
#include "plan/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void log_job(const struct plan *p, const char *action, const char *path)
{
	bool has_netns = fcntl(4, F_GETFD) >= 0; /* before anything else may get that number */
	autoclose int fd = fd_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	struct buf line = BUF_INIT;

	buf_printf(&line, "%s%s", action, has_netns ? "" : " no-netns");
	for (size_t i = 0; i < p->count; i++)
		buf_printf(&line, " %s", step_word(p->steps[i].kind));
	buf_putc(&line, '\n');
	if (fd >= 0)
		(void)!fd_write_all(fd, buf_str(&line), line.len);
	buf_done(&line);
}

static int end(const char *how)
{
	struct err e = {0};

	if (strcmp(how, "hang") == 0)
		(void)sleep(1000);
	if (strcmp(how, "die") == 0)
		_exit(3);
	if (strcmp(how, "mute") == 0)
		return 0;
	if (strcmp(how, "babble") == 0)
		return msg_send(3, MSG_BORN, 0, 0, NULL, 0) < 0;
	if (strcmp(how, "fail") != 0)
		return msg_send(3, MSG_OK, 0, 0, NULL, 0) < 0;
	(void)err_set(&e, ERR_MISSING, ENODEV, "no such bridge 'br9'");
	(void)err_hint(&e, "ip link show");
	e.step = 2;
	msg_send_fail(3, &e);
	return 1;
}

int main(int argc, char **argv)
{
	struct buf wire = BUF_INIT;
	struct plan p = {0};
	struct err e = {0};
	const struct step *nic;
	int r;

	if (argc != 2 || fd_read_all(0, &wire, 1 << 20) < 0 || plan_decode(buf_str(&wire), wire.len, &p, &e) < 0)
		return 2;
	nic = plan_find(&p, STEP_NIC, 0);
	if (nic && nic->text[2])
		log_job(&p, argv[1], nic->text[2]);
	r = end(nic && nic->text[1] && strcmp(argv[1], "apply") == 0 ? nic->text[1] : "ok");
	plan_done(&p);
	buf_done(&wire);
	return r;
}
