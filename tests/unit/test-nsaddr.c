/* test-nsaddr.c - interfaces and addresses of a network namespace: our own, which has a loopback at least, by the socket and by a process in it. */
#include "linux/nsaddr.h"

#include "base/fd.h"
#include "test.h"

#include <linux/netlink.h>
#include <sys/socket.h>

static void own_namespace_has_a_loopback(void **state)
{
	autoclose int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	char text[NSADDR_TEXT] = "";

	(void)state;
	assert_true(sock >= 0);
	assert_int_equal(nsaddr_of(sock, text), 0);
	assert_true(strncmp(text, "lo=", 3) == 0 || strstr(text, " lo=") != NULL);
	assert_null(strstr(text, "fe80:"));
}

static void who_is_gone_has_nothing(void **state)
{
	struct proc_id ids[2] = {{.pid = 0}, {.pid = 1, .start_time = 1}}; /* nobody; somebody else */
	char texts[2][NSADDR_TEXT] = {"x", "y"};

	(void)state;
	assert_int_equal(nsaddr_look(ids, 2, texts), 0);
	assert_string_equal(texts[0], "");
	assert_string_equal(texts[1], "");
	assert_int_equal(nsaddr_look(ids, 0, texts), 0);
}

static void by_process_as_by_socket(void **state)
{
	autoclose int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	char text[NSADDR_TEXT] = "", texts[1][NSADDR_TEXT];
	struct proc_id self;

	(void)state;
	assert_int_equal(proc_identify(0, &self), 0);
	assert_int_equal(nsaddr_of(sock, text), 0);
	assert_int_equal(nsaddr_look(&self, 1, texts), 0);
	/* without root it may not be entered, and then nothing is known */
	assert_true(texts[0][0] == '\0' || strcmp(texts[0], text) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_namespace_has_a_loopback),
		cmocka_unit_test(who_is_gone_has_nothing),
		cmocka_unit_test(by_process_as_by_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
