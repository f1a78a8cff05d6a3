/* SPDX-License-Identifier: ISC */
/*
 * The store in etcd, through its JSON gateway (etcd 3.4 to 3.6: POST /v3/kv/{range,txn,deleterange},
 * /v3/watch, /v3/auth/authenticate; keys and values in base64, 64-bit numbers as text).
 *
 * 1. A key of the store is PREFIX/key.  Nothing but keys of the store is read back.
 * 2. An object is put with the condition that its key has no version yet, a ref with the condition
 *    that it still has the old value: etcd's transactions are the compare-and-swap.
 * 3. Reads are linearizable (etcd's default), so what was acknowledged to anybody is seen.
 * 4. A request that got no answer may have been carried out: see settle.h.
 * 5. The password is read from its file at each login, sent in the body of one request, and wiped.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io.h"
#include "engine.h"
#include "settle.h"

#define CONNECT_MS 2000L
#define REQUEST_MS 8000L
#define ANSWER_MAX (64u << 20) /* what we are ready to hold of one answer */
#define LIST_PAGE "1000"
#define PASSWORD_MAX 1024
#define ENDPOINTS 16

struct etcd {
	struct backend backend; /* first */
	char *location;		/* the strings below point into it */
	bool tls;
	const char *endpoints[ENDPOINTS];
	size_t n, at;
	const char *prefix, *ca, *cert, *key, *user, *password_file;
	pthread_mutex_t lock; /* of the token: the watcher reads it */
	char *token;	      /* "Authorization: ...", or NULL */
	CURL *curl;
	char *reason; /* ENGINE_REASON, while opening */

	int changed; /* eventfd, -1: not watched */
	pthread_t watcher;
	CURLM *multi;
	atomic_bool stop;
};

static struct etcd *etcd_of(struct backend *b)
{
	return (struct etcd *)b;
}

/* What json_dumps returned: the program may have given jansson allocators of its own. */
static void free_text(char *text)
{
	json_free_t release;

	json_get_alloc_funcs(NULL, &release);
	release(text);
}

/* ---- one request ---- */

struct answer {
	char *data;
	size_t len;
};

struct question {
	const char *text;
	size_t len, sent;
};

/*
 * The body, from a function that cannot go back: given as a string, libcurl would by itself send it
 * a second time when a kept connection ends without an answer, and we would not know.
 */
static size_t give(char *data, size_t size, size_t n, void *arg)
{
	struct question *q = arg;
	size_t len = q->len - q->sent;

	if (len > size * n)
		len = size * n;
	memcpy(data, q->text + q->sent, len);
	q->sent += len;
	return len;
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	char *p;

	n *= size;
	if (a->len + n > ANSWER_MAX)
		return 0;
	p = realloc(a->data, a->len + n + 1);
	if (!p)
		return 0;
	memcpy(p + a->len, data, n);
	a->data = p;
	a->len += n;
	p[a->len] = '\0';
	return n;
}

static CURLcode set_up(const struct etcd *e, CURL *c, const char *path, size_t endpoint)
{
	char url[512];
	int n = snprintf(url, sizeof(url), "%s://%s/v3/%s", e->tls ? "https" : "http",
			 e->endpoints[endpoint], path);

	if (n < 0 || (size_t)n >= sizeof(url))
		return CURLE_URL_MALFORMAT;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, e->tls ? "https" : "http");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 10L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 5L);
	if (e->ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, e->ca);
	if (e->cert)
		curl_easy_setopt(c, CURLOPT_SSLCERT, e->cert);
	if (e->key)
		curl_easy_setopt(c, CURLOPT_SSLKEY, e->key);
	return CURLE_OK;
}

static struct curl_slist *headers_of(struct etcd *e)
{
	struct curl_slist *h = curl_slist_append(NULL, "Content-Type: application/json");
	struct curl_slist *more;

	if (!h)
		return NULL;
	pthread_mutex_lock(&e->lock);
	/* No "Expect: 100-continue": it costs a round trip for each large value. */
	more = curl_slist_append(h, "Expect:");
	if (more && e->token)
		more = curl_slist_append(h, e->token);
	pthread_mutex_unlock(&e->lock);
	if (!more)
		curl_slist_free_all(h);
	return more ? h : NULL;
}

static void set_token(struct etcd *e, const char *token)
{
	char *line = NULL;

	if (token && asprintf(&line, "Authorization: %s", token) < 0)
		line = NULL;
	pthread_mutex_lock(&e->lock);
	free(e->token);
	e->token = line;
	pthread_mutex_unlock(&e->lock);
}

/* Nothing of the request can have arrived. */
static bool not_sent(CURLcode c)
{
	return c == CURLE_COULDNT_CONNECT || c == CURLE_COULDNT_RESOLVE_HOST ||
	       c == CURLE_SSL_CONNECT_ERROR || c == CURLE_PEER_FAILED_VERIFICATION ||
	       c == CURLE_SSL_CACERT_BADFILE || c == CURLE_SSL_CERTPROBLEM;
}

/* etcd says it with gRPC's codes; a proxy with HTTP's alone. */
static enum settle_end judge(struct etcd *e, long http, const json_t *j)
{
	json_int_t code = json_integer_value(json_object_get(j, "code"));
	const char *text = json_string_value(json_object_get(j, "message"));

	engine_explain(e->reason, text ?: "no answer of etcd's JSON gateway");
	switch (code) {
	case 8: /* RESOURCE_EXHAUSTED: "database space exceeded" */
		errno = ENOSPC;
		return SETTLE_FAILED;
	case 7: /* PERMISSION_DENIED */
		errno = EACCES;
		return SETTLE_FAILED;
	case 16: /* UNAUTHENTICATED: the token is over */
		errno = EACCES;
		return SETTLE_NOT_DONE;
	case 4:	 /* DEADLINE_EXCEEDED */
	case 14: /* UNAVAILABLE: no leader, timed out, leader changed */
	case 2:	 /* UNKNOWN */
		errno = EAGAIN;
		return SETTLE_LOST;
	case 3: /* INVALID_ARGUMENT, also wrong user or password */
		errno = text && strstr(text, "authentication failed") ? EACCES : EPROTO;
		return SETTLE_FAILED;
	default:
		errno = http == 401 || http == 403 ? EACCES : EPROTO;
		return http >= 500 ? SETTLE_LOST : SETTLE_FAILED;
	}
}

static enum settle_end perform(struct etcd *e, const char *path, const char *body, size_t endpoint,
			       json_t **out)
{
	struct question q = {.text = body, .len = strlen(body)};
	struct answer a = {0};
	struct curl_slist *headers = headers_of(e);
	enum settle_end end = SETTLE_DONE;
	long http = 0;
	CURLcode c;

	curl_easy_reset(e->curl);
	c = headers ? set_up(e, e->curl, path, endpoint) : CURLE_OUT_OF_MEMORY;
	if (c == CURLE_OK) {
		curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(e->curl, CURLOPT_TIMEOUT_MS, REQUEST_MS);
		curl_easy_setopt(e->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q.len);
		curl_easy_setopt(e->curl, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(e->curl, CURLOPT_READDATA, &q);
		curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, collect);
		curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, &a);
		c = curl_easy_perform(e->curl);
		curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &http);
	}
	curl_slist_free_all(headers);
	if (c != CURLE_OK) {
		engine_explain(e->reason, curl_easy_strerror(c));
		errno = c == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : ECONNREFUSED;
		end = not_sent(c) ? SETTLE_NOT_DONE : SETTLE_LOST;
	} else {
		*out = json_loadb(a.data ?: "", a.len, 0, NULL);
		/* etcd#20332: a bad token may give an empty answer */
		if (http != 200 || !json_object_get(*out, "header")) {
			end = judge(e, http, *out);
			json_decref(*out);
			*out = NULL;
		}
	}
	free(a.data);
	return end;
}

/* ---- login ---- */

static int read_password(const struct etcd *e, char out[static PASSWORD_MAX + 1])
{
	FD_CLEANUP int fd = open(e->password_file, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	int r = fd < 0 ? ERR_IO : io_read(fd, out, PASSWORD_MAX, &len);

	while (len && (out[len - 1] == '\n' || out[len - 1] == '\r'))
		len--;
	out[len] = '\0';
	return r;
}

/* SETTLE_FAILED: the password is wrong, or cannot be read. */
static enum settle_end log_in(struct etcd *e)
{
	char password[PASSWORD_MAX + 1], *text = NULL;
	enum settle_end end = SETTLE_FAILED;
	json_t *body, *answer = NULL;

	set_token(e, NULL);
	if (read_password(e, password)) {
		engine_explain(e->reason, "the password file cannot be read");
		return SETTLE_FAILED;
	}
	body = json_pack("{s:s, s:s}", "name", e->user, "password", password);
	sodium_memzero(password, sizeof(password));
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	for (size_t i = 0; text && i < e->n; i++) {
		end = perform(e, "auth/authenticate", text, (e->at + i) % e->n, &answer);
		if (end == SETTLE_DONE || end == SETTLE_FAILED)
			break;
	}
	if (text)
		sodium_memzero(text, strlen(text));
	free_text(text);
	set_token(e, json_string_value(json_object_get(answer, "token")));
	json_decref(answer);
	return end;
}

/* ---- a request to whichever member answers ---- */

static enum settle_end ask(struct etcd *e, const char *path, json_t *body, json_t **out)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	enum settle_end end = text ? SETTLE_NOT_DONE : SETTLE_FAILED;

	*out = NULL;
	for (size_t i = 0; text && i < e->n; i++) {
		if (e->user && !e->token)
			end = log_in(e);
		if (end == SETTLE_FAILED)
			break;
		end = perform(e, path, text, e->at, out);
		if (end == SETTLE_NOT_DONE && errno == EACCES)
			set_token(e, NULL); /* it is over: the next try logs in */
		if (end != SETTLE_NOT_DONE && end != SETTLE_LOST)
			break;
		e->at = (e->at + 1) % e->n; /* the next one from here on */
		if (end == SETTLE_LOST)
			break;
	}
	if (!text)
		errno = ENOMEM;
	else
		free_text(text);
	return end;
}

/* For what may be asked any number of times. */
static int ask_again(struct etcd *e, const char *path, json_t *body, json_t **out)
{
	enum settle_end end = SETTLE_FAILED;
	int64_t begun = 0;

	errno = ENOMEM;
	for (unsigned n = 0; body && settle_again(&begun, n); n++) {
		end = ask(e, path, body, out);
		if (end == SETTLE_DONE || end == SETTLE_FAILED)
			break;
	}
	json_decref(body);
	return end == SETTLE_DONE ? 0 : ERR_IO;
}

/* ---- base64, keys ---- */

static json_t *base64(const void *data, size_t len)
{
	size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *j = NULL;

	if (text)
		j = json_string(
			sodium_bin2base64(text, size, data, len, sodium_base64_VARIANT_ORIGINAL));
	free(text);
	return j;
}

static int unbase64(const json_t *j, struct blob *out)
{
	const char *text = json_string_value(j) ?: "";
	size_t len = strlen(text), n;
	uint8_t *data = malloc(len / 4 * 3 + 4);

	if (!data)
		return ERR_NOMEM;
	if (sodium_base642bin(data, len / 4 * 3 + 4, text, len, NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0) {
		free(data);
		return ERR_AUTH;
	}
	*out = (struct blob){data, n};
	return 0;
}

static json_t *full_key(const struct etcd *e, const char *key, const char *end)
{
	char full[512];
	int n = snprintf(full, sizeof(full), "%s%s%s", e->prefix, key, end);

	return n > 0 && (size_t)n < sizeof(full) ? base64(full, (size_t)n) : NULL;
}

/* ---- the verbs ---- */

static int etcd_get(struct backend *b, const char *key, size_t cap, int flags, struct blob *out)
{
	struct etcd *e = etcd_of(b);
	json_t *answer = NULL;
	struct blob value;
	const json_t *kv;
	int r = ask_again(e, "kv/range", json_pack("{s:o}", "key", full_key(e, key, "")), &answer);

	(void)flags; /* durable before it can be read */
	if (r)
		return r;
	kv = json_array_get(json_object_get(answer, "kvs"), 0);
	r = kv ? unbase64(json_object_get(kv, "value"), &value) : ERR_NOENT;
	json_decref(answer);
	if (r)
		return r;
	if (value.len > cap) {
		blob_free(&value);
		return ERR_TOOBIG;
	}
	*out = value;
	return 0;
}

static json_t *absent(json_t *key)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "result", "EQUAL", "target", "VERSION", "version",
			 "0", "key", key);
}

static json_t *request_put(const struct etcd *e, const char *key, const void *data, size_t len)
{
	return json_pack("{s:{s:o, s:o}}", "request_put", "key", full_key(e, key, ""), "value",
			 base64(data, len));
}

static enum settle_end put_attempt(const struct settle_put *s)
{
	struct etcd *e = etcd_of(s->b);
	json_t *compare = json_array(), *success = json_array(), *answer = NULL, *body;
	enum settle_end end;

	for (size_t i = 0; i < s->n; i++) {
		const struct backend_item *item = &s->items[i];

		json_array_append_new(compare, absent(full_key(e, item->key, "")));
		json_array_append_new(success, request_put(e, item->key, item->data, item->len));
	}
	body = json_pack("{s:o, s:o}", "compare", compare, "success", success);
	/* What could not be appended for want of memory is not to be left out silently. */
	if (json_array_size(compare) != s->n || json_array_size(success) != s->n) {
		json_decref(body);
		body = NULL;
	}
	end = ask(e, "kv/txn", body, &answer);
	json_decref(body);
	if (end == SETTLE_DONE && !json_is_true(json_object_get(answer, "succeeded")))
		end = SETTLE_REFUSED;
	json_decref(answer);
	return end;
}

static int etcd_put(struct backend *b, const struct backend_item *items, size_t n)
{
	/* etcd's defaults are 128 operations a transaction and 1.5 MiB a request */
	static const struct settle_limits most = {100, 1400000, (size_t)2 * BACKEND_KEY_SIZE};

	return settle_put(
		&(struct settle_put){.b = b, .items = items, .n = n, .attempt = put_attempt},
		&most);
}

static json_t *same(json_t *key, const struct blob *old)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "result", "EQUAL", "target", "VALUE", "key", key,
			 "value", base64(old->data, old->len));
}

static enum settle_end swap_attempt(const struct settle_swap *s, struct blob *now)
{
	struct etcd *e = etcd_of(s->b);
	json_t *key = full_key(e, s->key, ""), *answer = NULL, *body;
	const json_t *kv;
	enum settle_end end;

	body = json_pack("{s:[o], s:[o], s:[{s:{s:o}}]}", "compare",
			 s->old ? same(json_incref(key), s->old) : absent(json_incref(key)),
			 "success", request_put(e, s->key, s->new->data, s->new->len), "failure",
			 "request_range", "key", key);
	end = ask(e, "kv/txn", body, &answer);
	json_decref(body);
	if (end == SETTLE_DONE && !json_is_true(json_object_get(answer, "succeeded"))) {
		end = SETTLE_REFUSED;
		kv = json_array_get(json_object_get(answer, "responses"), 0);
		kv = json_array_get(json_object_get(json_object_get(kv, "response_range"), "kvs"),
				    0);
		if (kv && unbase64(json_object_get(kv, "value"), now))
			end = SETTLE_LOST;
	}
	json_decref(answer);
	return end;
}

static int etcd_swap(struct backend *b, const char *key, const struct blob *old,
		     const struct blob *new)
{
	return settle_swap(&(struct settle_swap){
		.b = b, .key = key, .old = old, .new = new, .attempt = swap_attempt});
}

static int etcd_delete(struct backend *b, const char *key)
{
	struct etcd *e = etcd_of(b);
	json_t *answer = NULL;
	int r = ask_again(e, "kv/deleterange", json_pack("{s:o}", "key", full_key(e, key, "")),
			  &answer);

	json_decref(answer);
	return r;
}

/* One page.  *last: where to go on, freed and replaced. */
static int list_page(struct etcd *e, const char *prefix, char **last, bool *more,
		     int (*fn)(void *arg, const char *key), void *arg)
{
	json_t *answer = NULL, *kv;
	size_t skip = strlen(e->prefix), i;
	/* '0' follows '/': the end of all that begins with prefix/ */
	int r = ask_again(
		e, "kv/range",
		json_pack("{s:o, s:o, s:s, s:b}", "key",
			  *last ? base64(*last, strlen(*last) + 1) : full_key(e, prefix, "/"),
			  "range_end", full_key(e, prefix, "0"), "limit", LIST_PAGE, "keys_only",
			  1),
		&answer);

	*more = !r && json_is_true(json_object_get(answer, "more"));
	json_array_foreach(json_object_get(answer, "kvs"), i, kv)
	{
		struct blob key = {0};

		r = unbase64(json_object_get(kv, "key"), &key);
		if (r)
			break;
		free(*last);
		*last = strndup((char *)key.data, key.len);
		blob_free(&key);
		r = *last ? 0 : ERR_NOMEM;
		if (!r && strlen(*last) > skip)
			r = fn(arg, *last + skip);
		if (r)
			break;
	}
	json_decref(answer);
	return r;
}

static int etcd_list(struct backend *b, const char *prefix, int (*fn)(void *arg, const char *key),
		     void *arg)
{
	char *last = NULL;
	bool more = true;
	int r = 0;

	while (!r && more)
		r = list_page(etcd_of(b), prefix, &last, &more, fn, arg);
	free(last);
	return r;
}

/* ---- watching: a thread of its own, which lets a descriptor poll readable ---- */

static void signal_change(const struct etcd *e)
{
	const uint64_t one = 1;

	(void)!write(e->changed, &one, sizeof(one));
}

static size_t hear(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	signal_change(arg);
	return size * n;
}

/* One stream, to its end. */
static void watch_once(struct etcd *e, size_t endpoint, const char *body)
{
	struct curl_slist *headers = headers_of(e);
	CURL *c = curl_easy_init();
	int running = 1;

	if (headers && c && set_up(e, c, "watch", endpoint) == CURLE_OK) {
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, hear);
		curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
		curl_multi_add_handle(e->multi, c);
		while (!e->stop && running && curl_multi_perform(e->multi, &running) == CURLM_OK &&
		       running)
			curl_multi_poll(e->multi, NULL, 0, 1000, NULL);
		curl_multi_remove_handle(e->multi, c);
	}
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
}

/* What changed while nobody listened is seen because each new stream counts as a change. */
static void *watch_loop(void *arg)
{
	struct etcd *e = arg;
	json_t *j = json_pack("{s:{s:o, s:o}}", "create_request", "key", full_key(e, "refs", "/"),
			      "range_end", full_key(e, "refs", "0"));
	char *body = j ? json_dumps(j, JSON_COMPACT) : NULL;

	for (size_t i = 0; body && !e->stop; i++) {
		watch_once(e, (e->at + i) % e->n, body);
		signal_change(e);
		if (!e->stop)
			curl_multi_poll(e->multi, NULL, 0, i < 5 ? 100 : 1000, NULL);
	}
	free_text(body);
	json_decref(j);
	return NULL;
}

static int etcd_watch(struct backend *b, int *fd)
{
	struct etcd *e = etcd_of(b);

	if (e->changed < 0) {
		e->changed = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		e->multi = curl_multi_init();
		if (e->changed < 0 || !e->multi ||
		    pthread_create(&e->watcher, NULL, watch_loop, e) != 0) {
			io_close(e->changed);
			e->changed = -1;
			return ERR_IO;
		}
	}
	*fd = e->changed;
	return 0;
}

static void etcd_watch_clear(struct backend *b)
{
	uint64_t n;

	(void)!read(etcd_of(b)->changed, &n, sizeof(n));
}

static void etcd_close(struct backend *b)
{
	struct etcd *e = etcd_of(b);

	if (e->changed >= 0) {
		e->stop = true;
		curl_multi_wakeup(e->multi);
		pthread_join(e->watcher, NULL);
		io_close(e->changed);
	}
	curl_multi_cleanup(e->multi);
	curl_easy_cleanup(e->curl);
	set_token(e, NULL);
	pthread_mutex_destroy(&e->lock);
	free(e->location);
	free(e);
}

static const struct backend_ops ops = {
	.get = etcd_get,
	.put = etcd_put,
	.swap = etcd_swap,
	.list = etcd_list,
	.delete = etcd_delete,
	.watch = etcd_watch,
	.watch_clear = etcd_watch_clear,
	.close = etcd_close,
};

/* ---- the location ---- */

static bool take_option(struct etcd *e, char *option)
{
	const struct {
		const char *name;
		const char **to;
	} known[] = {
		{"ca", &e->ca},
		{"cert", &e->cert},
		{"key", &e->key},
		{"user", &e->user},
		{"password-file", &e->password_file},
	};
	char *value = strchr(option, '=');

	if (!value)
		return false;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(option, known[i].name) == 0) {
			*known[i].to = value;
			return *value;
		}
	return false;
}

/* HOST:PORT,...[/PREFIX][?OPTIONS]; cuts rest into pieces. */
static bool parse(struct etcd *e, char *rest)
{
	char *options = strchr(rest, '?'), *prefix, *save = NULL;

	if (options)
		*options++ = '\0';
	prefix = strchr(rest, '/');
	if (prefix)
		*prefix++ = '\0';
	e->prefix = prefix ?: "";
	if (strchr(rest, '@'))
		return false; /* a password does not belong here */
	for (char *p = strtok_r(rest, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (e->n == ENDPOINTS)
			return false;
		e->endpoints[e->n++] = p;
	}
	for (char *p = options ? strtok_r(options, "&", &save) : NULL; p;
	     p = strtok_r(NULL, "&", &save))
		if (!take_option(e, p))
			return false;
	return e->n && !e->user == !e->password_file && (e->tls || (!e->ca && !e->cert && !e->key));
}

/* PREFIX is written with one slash at its end; "" becomes "secretfs/". */
static bool normalise(struct etcd *e, char *room, size_t size)
{
	size_t len = strlen(e->prefix);
	int n;

	while (len && e->prefix[len - 1] == '/')
		len--;
	n = snprintf(room, size, "%.*s/", (int)(len ? len : 8), len ? e->prefix : "secretfs");
	e->prefix = room;
	return n > 0 && (size_t)n < size && n < 200;
}

/* A store is there once it has a marker of its format: an empty prefix is not taken for one. */
static int check_marker(struct etcd *e, int create)
{
	static const uint8_t format[] = "1";
	const struct blob marker = {(uint8_t *)(uintptr_t)format, 1};
	BLOB_CLEANUP struct blob found = {0};
	int r = etcd_get(&e->backend, "format", 16, 0, &found);

	if (r == ERR_NOENT && create) {
		r = etcd_swap(&e->backend, "format", NULL, &marker);
		return r == ERR_CONFLICT ? 0 : r;
	}
	if (!r && (found.len != 1 || found.data[0] != format[0]))
		return ERR_FORMAT;
	return r;
}

ENGINE_EXPORT int ENGINE_OPEN(const char *location, int create, struct backend **out,
			      char reason[static ENGINE_REASON])
{
	size_t len = strlen(location);
	struct etcd *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return ERR_NOMEM;
	e->backend.ops = &ops;
	e->changed = -1;
	pthread_mutex_init(&e->lock, NULL);
	e->reason = reason;
	e->tls = strncmp(location, "etcds", 5) == 0;
	e->location = malloc(len + 1 + len + 16); /* and a second time for the prefix */
	e->curl = curl_easy_init();
	if (!e->location || !e->curl) {
		r = ERR_NOMEM;
	} else {
		memcpy(e->location, location, len + 1);
		if (!parse(e, strstr(e->location, "://") + 3) ||
		    !normalise(e, e->location + len + 1, len + 15))
			r = ERR_INVAL;
	}
	if (!r)
		r = check_marker(e, create);
	e->reason = NULL;
	if (r) {
		int saved = errno;

		etcd_close(&e->backend);
		errno = saved;
		return r;
	}
	*out = &e->backend;
	return 0;
}
