/* fuzz-import - a libvirt domain: whatever it holds, only whole lines come out, each with one of the four letters and no control byte. */
#include "import/domain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct out o = {.text = BUF_INIT};

	if (size > 1 << 20)
		return 0;
	(void)!domain_read((const char *)data, size, &o);
	for (const char *at = buf_str(&o.text); *at; at += strcspn(at, "\n") + 1) {
		if (!strchr("NC!E", at[0]) || at[1] != ' ')
			abort();
		for (const char *p = at; *p != '\n'; p++)
			if ((unsigned char)*p < 0x20)
				abort();
	}
	buf_done(&o.text);
	return 0;
}
