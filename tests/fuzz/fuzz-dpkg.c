/* A status file of any content: parsed or refused; what is parsed closes, is written, and is read back with the same packages. */
#include "image/dpkg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(dpkg_done) struct dpkg db = DPKG_INIT, again = DPKG_INIT;
	autodone(buf_done) struct buf out = BUF_INIT;
	size_t wanted = 0;
	char name[256];
	struct err e;

	err_clear(&e);
	if (dpkg_parse(&db, (const char *)data, size, &e) < 0) {
		if (e.code == 0)
			abort();
		return 0;
	}
	(void)dpkg_want_essential(&db);
	if (db.count)
		db.pkgs[0].wanted = true;
	if (dpkg_close(&db, &e) < 0)
		abort();
	for (size_t i = 0; i < db.count; i++) {
		wanted += db.pkgs[i].wanted;
		(void)dpkg_info_name(&db.pkgs[i], name);
		if (strchr(name, '/') || dpkg_version_compare(db.pkgs[i].version, db.pkgs[i].version) != 0)
			abort();
		if (i && (dpkg_version_compare(db.pkgs[i].version, db.pkgs[i - 1].version) > 0) !=
			     (dpkg_version_compare(db.pkgs[i - 1].version, db.pkgs[i].version) < 0))
			abort();
	}
	dpkg_write_status(&db, &out);
	if (dpkg_parse(&again, buf_str(&out), out.len, &e) < 0 || again.count != wanted)
		abort();
	return 0;
}
