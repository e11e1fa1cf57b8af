/* report.c - see report.h. Members are not enumerated here: whatever list the engine reports is counted and begun. */
#include "cli/report.h"

#include "cli/out.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 5u /* items of a list that are named */

static void put_json(struct json_object **o)
{
	if (*o)
		json_object_put(*o);
}

static struct json_object *parse(const char *text)
{
	enum json_tokener_error error = json_tokener_success;
	struct json_object *o = json_tokener_parse_verbose(text, &error);

	if (error == json_tokener_success && json_object_is_type(o, json_type_object))
		return o;
	put_json(&o);
	return NULL;
}

bool report_is_json(const char *text)
{
	autodone(put_json) struct json_object *o = parse(text);

	return o != NULL;
}

bool report_flag(const char *text, const char *key)
{
	autodone(put_json) struct json_object *o = parse(text);
	struct json_object *value = NULL;

	return o && json_object_object_get_ex(o, key, &value) && json_object_get_boolean(value);
}

/* What names an item: the string itself, or its path or name member. */
static const char *item_text(struct json_object *item)
{
	static const char *const members[] = {"path", "name", "text"};
	struct json_object *value = NULL;

	if (!json_object_is_type(item, json_type_object))
		return json_object_get_string(item);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_object_get_ex(item, members[i], &value))
			return json_object_get_string(value);
	return json_object_to_json_string(item);
}

static void list_line(struct buf *b, const char *label, struct json_object *list)
{
	size_t count = json_object_array_length(list);

	if (count == 0)
		return;
	buf_printf(b, "%-8s %zu: ", label, count);
	for (size_t i = 0; i < count && i < SHOWN; i++) {
		buf_puts(b, i ? ", " : "");
		out_safe(b, item_text(json_object_array_get_idx(list, i)));
	}
	if (count > SHOWN)
		buf_printf(b, " and %zu more", count - SHOWN);
	buf_putc(b, '\n');
}

static void note_lines(struct buf *b, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		buf_puts(b, "note     ");
		out_safe(b, item_text(json_object_array_get_idx(list, i)));
		buf_putc(b, '\n');
	}
}

void report_summary(struct buf *b, const char *text)
{
	autodone(put_json) struct json_object *o = parse(text);

	if (!o) {
		buf_puts(b, text);
		if (*text && text[strlen(text) - 1] != '\n')
			buf_putc(b, '\n');
		return;
	}
	json_object_object_foreach(o, key, value)
	{
		if (!json_object_is_type(value, json_type_array))
			continue;
		if (strcmp(key, "notes") == 0 || strcmp(key, "warnings") == 0)
			note_lines(b, value);
		else
			list_line(b, key, value);
	}
}
