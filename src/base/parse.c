/* parse.c - bounded grammars for everything numeric; see parse.h. */
#include "base/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Reads digits up to @end; at least one. */
static int read_digits(const char *s, const char *end, int base, uint64_t *ret)
{
	uint64_t v = 0;
	bool range = false;

	if (s == end)
		return -EINVAL;
	for (; s < end; s++) {
		int d = digit_of(*s);

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
			range = true;
	}
	if (range)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_u64_base(const char *s, int base, uint64_t *ret)
{
	return read_digits(s, s + strlen(s), base, ret);
}

int parse_u64(const char *s, uint64_t *ret)
{
	return parse_u64_base(s, 10, ret);
}

int parse_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	int r = parse_u64(s + negative, &v);

	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int parse_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = parse_u64(s, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int parse_bool(const char *s, bool *ret)
{
	static const char *const words[] = {"0", "1", "no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(s, words[i]) == 0) {
			*ret = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

/* Reads "123.456" before @end as value * @scale; more decimals than the scale holds are refused when @exact. */
static int read_decimal(const char *s, const char *end, uint64_t scale, bool exact, uint64_t *ret)
{
	const char *dot = memchr(s, '.', (size_t)(end - s));
	uint64_t whole, frac = 0, unit = scale;
	int r;

	r = read_digits(s, dot ? dot : end, 10, &whole);
	if (r < 0)
		return r;
	if (dot) {
		if (dot + 1 == end)
			return -EINVAL;
		for (const char *p = dot + 1; p < end; p++) {
			int d = digit_of(*p);

			if (d > 9)
				return -EINVAL;
			if (exact && d && unit < 10)
				return -EINVAL;
			/* value of this decimal place, rounded down; binary units are not divisible by ten for ever */
			frac += unit / 10 * (uint64_t)d + unit % 10 * (uint64_t)d / 10;
			unit /= 10;
		}
	}
	if (__builtin_mul_overflow(whole, scale, &whole) || __builtin_add_overflow(whole, frac, &whole))
		return -ERANGE;
	*ret = whole;
	return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMGTPEkmgtpe";
	const char *end = s + strspn(s, "0123456789.");
	const char *unit = end;
	uint64_t scale = 1;

	if (*unit && strcasecmp(unit, "B") != 0) {
		const char *u = strchr(units, *unit);

		if (!u)
			return -EINVAL;
		scale = (uint64_t)1 << (10 * ((u - units) % 6 + 1));
		unit++;
		if (*unit && strcasecmp(unit, "B") != 0 && strcasecmp(unit, "iB") != 0)
			return -EINVAL;
	} else if (memchr(s, '.', (size_t)(end - s))) {
		return -EINVAL;
	}
	return read_decimal(s, end, scale, false, ret);
}

int parse_milli(const char *s, uint64_t *ret)
{
	return read_decimal(s, s + strlen(s), 1000, true, ret);
}

int parse_duration_ms(const char *s, uint64_t *ret)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const char *end = s + strspn(s, "0123456789.");

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(end, units[i].unit) == 0)
			return read_decimal(s, end, units[i].ms, false, ret);
	return -EINVAL;
}

static int signal_by_name(const char *s)
{
	/* the second names of some, as kill(1) and LXC know them */
	static const struct {
		const char *name;
		int n;
	} others[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"IO", SIGIO}, {"POLL", SIGIO}, {"UNUSED", SIGSYS}};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcasecmp(s, others[i].name) == 0)
			return others[i].n;
	for (int n = 1; n < 32; n++) {
		const char *abbrev = sigabbrev_np(n);

		if (abbrev && strcasecmp(s, abbrev) == 0)
			return n;
	}
	return 0;
}

int parse_signal(const char *s, int *ret)
{
	/* The kernel's own numbers: libc keeps the first two real-time signals, containers' inits count from the same place. */
	const int rtmin = SIGRTMIN, rtmax = SIGRTMAX;
	uint64_t n = 0;
	int r, sig;

	if (*s >= '0' && *s <= '9') {
		r = parse_u64(s, &n);
		if (r < 0)
			return r;
		if (n < 1 || n > 64)
			return -ERANGE;
		*ret = (int)n;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	if (strncasecmp(s, "RTMIN", 5) == 0 || strncasecmp(s, "RTMAX", 5) == 0) {
		bool from_min = strncasecmp(s, "RTMIN", 5) == 0;

		if (s[5]) {
			if (s[5] != (from_min ? '+' : '-'))
				return -EINVAL;
			r = parse_u64(s + 6, &n);
			if (r < 0)
				return r;
		}
		if (n > (uint64_t)(rtmax - rtmin))
			return -ERANGE;
		*ret = from_min ? rtmin + (int)n : rtmax - (int)n;
		return 0;
	}
	sig = signal_by_name(s);
	if (!sig)
		return -EINVAL;
	*ret = sig;
	return 0;
}

int parse_id_set(const char *s, uint64_t bits[PARSE_SET_WORDS])
{
	uint64_t set[PARSE_SET_WORDS] = {0};

	for (;;) {
		const char *comma = s + strcspn(s, ","), *end = comma, *dash;
		uint64_t lo, hi;
		int r;

		while (s < end && (*s == ' ' || *s == '\t'))
			s++;
		while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		dash = memchr(s, '-', (size_t)(end - s));
		r = read_digits(s, dash ? dash : end, 10, &lo);

		if (r < 0)
			return r;
		hi = lo;
		if (dash) {
			r = read_digits(dash + 1, end, 10, &hi);
			if (r < 0)
				return r;
		}
		if (hi < lo)
			return -EINVAL;
		if (hi >= PARSE_SET_WORDS * 64)
			return -ERANGE;
		for (; lo <= hi; lo++)
			set[lo / 64] |= (uint64_t)1 << (lo % 64);
		if (!*comma)
			break;
		s = comma + 1;
	}
	memcpy(bits, set, sizeof(set));
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool parse_is_name(const char *s)
{
	size_t n = 0;

	if (!is_alnum(*s))
		return false;
	for (; *s; s++, n++)
		if (n >= 63 || !(is_alnum(*s) || *s == '_' || *s == '.' || *s == '-'))
			return false;
	return true;
}

bool parse_is_container(const char *s)
{
	size_t n = 0;

	if (*s == '.' || *s == '-')
		return false;
	for (; *s; s++, n++)
		if (n >= 63 || !(is_alnum(*s) || strchr("_.-+@:", *s)))
			return false;
	return n > 0;
}

const char *parse_inside(const char *s, char name[64])
{
	const char *slash = strchr(s, '/'), *colon = slash && slash > s && slash[-1] == ':' ? slash - 1 : strchr(s, ':');
	size_t len = colon ? (size_t)(colon - s) : 0;

	if (len == 0 || len >= 64 || (slash && slash < colon))
		return NULL;
	memcpy(name, s, len);
	name[len] = '\0';
	return parse_is_container(name) ? colon + 1 : NULL;
}

int parse_base_ref(const char *s, char name[64], char version[72])
{
	const char *at = strchr(s, '@');
	size_t len = at ? (size_t)(at - s) : strlen(s);
	char n[64], v[72] = "";

	if (len >= sizeof(n))
		return -EINVAL;
	memcpy(n, s, len);
	n[len] = '\0';
	if (!parse_is_name(n))
		return -EINVAL;
	if (at) {
		size_t vlen = strlen(at + 1);

		if (vlen == 0 || vlen >= sizeof(v))
			return -EINVAL;
		for (const char *p = at + 1; *p; p++)
			if (!is_alnum(*p))
				return -EINVAL;
		memcpy(v, at + 1, vlen + 1);
	}
	memcpy(name, n, sizeof(n));
	memcpy(version, v, sizeof(v));
	return 0;
}

void format_size(uint64_t bytes, char out[16])
{
	static const char units[] = "BKMGTPE";
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1024 && u + 2 < sizeof(units)) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		(void)snprintf(out, 16, "%uB", (unsigned)bytes);
	else
		(void)snprintf(out, 16, v < 10 ? "%.1f%c" : "%.0f%c", v, units[u]);
}

void format_age(uint64_t s, char out[16])
{
	if (s < 60)
		(void)snprintf(out, 16, "%us", (unsigned)s);
	else if (s < 3600)
		(void)snprintf(out, 16, "%um", (unsigned)(s / 60));
	else if (s < 86400)
		(void)snprintf(out, 16, "%uh", (unsigned)(s / 3600));
	else
		(void)snprintf(out, 16, "%ud", (unsigned)(s / 86400));
}

void format_time(int64_t unix_seconds, char out[32])
{
	time_t t = (time_t)unix_seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0';
}

/* Length of the valid UTF-8 sequence at @p (0 = invalid). Overlong forms, surrogates and C1 controls are invalid. */
static size_t utf8_len(const unsigned char *p)
{
	uint32_t v;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] >= 0xc2 && p[0] < 0xe0 && (p[1] & 0xc0) == 0x80)
		return (p[0] == 0xc2 && p[1] < 0xa0) ? 0 : 2;
	if ((p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
		v = ((uint32_t)(p[0] & 0x0f) << 12) | ((uint32_t)(p[1] & 0x3f) << 6) | (p[2] & 0x3f);
		return v >= 0x800 && (v < 0xd800 || v > 0xdfff) ? 3 : 0;
	}
	if ((p[0] & 0xf8) == 0xf0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80) {
		v = ((uint32_t)(p[0] & 0x07) << 18) | ((uint32_t)(p[1] & 0x3f) << 12);
		return v >= 0x10000 && v < 0x110000 ? 4 : 0;
	}
	return 0;
}

void format_safe(const char *in, char *out, size_t size)
{
	size_t used = 0;

	while (*in && used + 1 < size) {
		size_t n = utf8_len((const unsigned char *)in);

		if (n == 0) {
			out[used++] = '?';
			in++;
			continue;
		}
		if (used + n + 1 > size)
			break;
		memcpy(out + used, in, n);
		used += n;
		in += n;
	}
	if (size)
		out[used] = '\0';
}

static size_t edit_distance(const char *a, const char *b)
{
	size_t row[80], la = strlen(a), lb = strlen(b);

	if (la >= ARRAY_LEN(row) || lb >= ARRAY_LEN(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

const char *parse_closest(const char *word, const char *const *candidates, size_t count)
{
	size_t limit = strlen(word) / 3, best = SIZE_MAX;
	const char *found = NULL;

	if (limit < 1)
		limit = 1;
	for (size_t i = 0; i < count; i++) {
		size_t d = edit_distance(word, candidates[i]);

		if (d <= limit && d < best) {
			best = d;
			found = candidates[i];
		}
	}
	return found;
}
