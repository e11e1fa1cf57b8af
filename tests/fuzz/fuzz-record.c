/* fuzz-record - whatever a record file holds, reading it is bounded, and what was read is written and read back the same. */
#include "base/buf.h"
#include "state/state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r, again;
	struct state_trash t;
	struct buf text = BUF_INIT, line = BUF_INIT;
	char name[64], version[72], digest[72];

	if (record_parse((const char *)data, size, &r) == 0) {
		record_format(&r, &text);
		if (record_parse(buf_str(&text), text.len, &again) < 0)
			abort();
		text.len = 0;
		struct buf second = BUF_INIT;

		record_format(&again, &second);
		record_format(&r, &text);
		if (second.len != text.len || memcmp(second.data, text.data, text.len) != 0)
			abort();
		buf_done(&second);
	}
	/* the same bytes as the other two small formats of this folder */
	buf_add(&line, data, size > 4096 ? 4096 : size);
	(void)!state_pin_parse(buf_str(&line), name, version, digest);
	(void)state_trash_parse(buf_str(&line), &t);
	buf_done(&line);
	buf_done(&text);
	return 0;
}
