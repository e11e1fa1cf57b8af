/* foreign.c - see foreign.h. */
#include "nft/foreign.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MARK "coppice"
#define USER_CHAIN "DOCKER-USER"

static void put_json(struct json_object **o)
{
	json_object_put(*o);
}

/* Runs @command and gives what it prints: an array of {"chain": {...}} and the like. NULL when it failed. */
static struct json_object *ask(struct nft_ctx *ctx, const char *command)
{
	struct json_object *all = NULL;

	nft_ctx_output_set_flags(ctx, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE);
	if (nft_ctx_buffer_output(ctx) != 0)
		return NULL;
	if (nft_run_cmd_from_buffer(ctx, command) == 0)
		all = json_tokener_parse(nft_ctx_get_output_buffer(ctx));
	(void)nft_ctx_unbuffer_output(ctx);
	nft_ctx_output_set_flags(ctx, 0);
	return all;
}

static struct json_object *items(struct json_object *all)
{
	return json_object_is_type(all, json_type_object) ? json_object_object_get(all, "nftables") : NULL;
}

static size_t count(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* "" when absent. */
static const char *word(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static struct json_object *item(struct json_object *list, size_t i, const char *kind)
{
	struct json_object *o = json_object_array_get_idx(list, i);

	return json_object_is_type(o, json_type_object) ? json_object_object_get(o, kind) : NULL;
}

static bool is_plain(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(s);
}

/* A chain in which our rules may stand, now or from before: of another's table, forwarding, with a name that can be written down. */
static bool is_candidate(struct json_object *c)
{
	const char *family = word(c, "family"), *table = word(c, "table"), *name = word(c, "name");

	if (strcmp(family, "ip") != 0 && strcmp(family, "ip6") != 0 && strcmp(family, "inet") != 0)
		return false;
	if (strcmp(table, MARK) == 0 || !is_plain(table) || !is_plain(name))
		return false;
	return strcmp(name, USER_CHAIN) == 0 || (strcmp(word(c, "hook"), "forward") == 0 && strcmp(word(c, "type"), "filter") == 0);
}

static bool has_user_chain(struct json_object *list, struct json_object *c)
{
	for (size_t i = 0; i < count(list); i++) {
		struct json_object *o = item(list, i, "chain");

		if (o && strcmp(word(o, "name"), USER_CHAIN) == 0 && strcmp(word(o, "family"), word(c, "family")) == 0 &&
		    strcmp(word(o, "table"), word(c, "table")) == 0)
			return true;
	}
	return false;
}

/* Whether what forwards through @c has to be let through: it drops by default, or is firewalld's, whose last rule rejects. */
static bool is_closed(struct json_object *c)
{
	return strcmp(word(c, "policy"), "drop") == 0 || strcmp(word(c, "table"), "firewalld") == 0;
}

static bool wants_rules(struct json_object *list, struct json_object *c)
{
	if (strcmp(word(c, "name"), USER_CHAIN) == 0)
		return true;
	return is_closed(c) && !has_user_chain(list, c);
}

/* Queues the removal of our rules in chain @c; returns how many there are. */
static int remove_rules(struct nft_ctx *ctx, struct json_object *c, struct buf *out)
{
	char command[512];
	autodone(put_json) struct json_object *all = NULL;
	struct json_object *list;
	int found = 0;

	(void)snprintf(command, sizeof(command), "list chain %s %s %s", word(c, "family"), word(c, "table"), word(c, "name"));
	all = ask(ctx, command);
	if (!all)
		return -EIO;
	list = items(all);
	for (size_t i = 0; i < count(list); i++) {
		struct json_object *rule = item(list, i, "rule"), *handle = NULL;

		if (!rule || strcmp(word(rule, "comment"), MARK) != 0 || !json_object_object_get_ex(rule, "handle", &handle))
			continue;
		found++;
		if (out)
			buf_printf(out, "delete rule %s %s %s handle %lld\n", word(c, "family"), word(c, "table"), word(c, "name"),
				   (long long)json_object_get_int64(handle));
	}
	return found;
}

int foreign_open(struct nft_ctx *ctx, const char *const *bridges)
{
	autodone(put_json) struct json_object *all = ask(ctx, "list chains");
	autodone(buf_done) struct buf text = BUF_INIT;
	struct json_object *list = items(all);

	if (!all)
		return -EIO;
	for (size_t i = 0; i < count(list); i++) {
		struct json_object *c = item(list, i, "chain");

		if (!c || !is_candidate(c))
			continue;
		if (remove_rules(ctx, c, &text) < 0)
			return -EIO;
		for (size_t b = 0; bridges[b] && wants_rules(list, c); b++)
			for (int out = 0; out < 2; out++)
				buf_printf(&text, "insert rule %s %s %s %sifname \"%s\" accept comment \"" MARK "\"\n", word(c, "family"),
					   word(c, "table"), word(c, "name"), out ? "o" : "i", bridges[b]);
	}
	if (buf_failed(&text))
		return -ENOMEM;
	return text.len && nft_run_cmd_from_buffer(ctx, buf_str(&text)) != 0 ? -EIO : 0;
}

/* ---- list ---- */

static void add_word(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static int add_chains(struct nft_ctx *ctx, struct json_object *list, struct json_object *to)
{
	for (size_t i = 0; i < count(list); i++) {
		struct json_object *c = item(list, i, "chain"), *o;
		int rules;

		if (!c || !is_candidate(c))
			continue;
		rules = remove_rules(ctx, c, NULL);
		if (rules < 0)
			return rules;
		o = json_object_new_object();
		add_word(o, "family", word(c, "family"));
		add_word(o, "table", word(c, "table"));
		add_word(o, "chain", word(c, "name"));
		add_word(o, "policy", word(c, "policy"));
		json_object_object_add(o, "closed", json_object_new_boolean(wants_rules(list, c)));
		json_object_object_add(o, "rules", json_object_new_int(rules));
		json_object_array_add(to, o);
	}
	return 0;
}

int foreign_list(struct nft_ctx *ctx, struct buf *out)
{
	autodone(put_json) struct json_object *tables = ask(ctx, "list tables");
	autodone(put_json) struct json_object *chains = ask(ctx, "list chains");
	autodone(put_json) struct json_object *all = json_object_new_object();
	struct json_object *ours = json_object_new_array(), *forward = json_object_new_array();
	int r;

	json_object_object_add(all, "tables", ours);
	json_object_object_add(all, "forward", forward);
	if (!tables || !chains)
		return -EIO;
	for (size_t i = 0; i < count(items(tables)); i++) {
		struct json_object *t = item(items(tables), i, "table");

		if (t && strcmp(word(t, "name"), MARK) == 0)
			json_object_array_add(ours, json_object_new_string(word(t, "family")));
	}
	r = add_chains(ctx, items(chains), forward);
	if (r == 0)
		buf_printf(out, "%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	return r;
}
