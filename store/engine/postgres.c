/* SPDX-License-Identifier: ISC */
/*
 * The store in PostgreSQL: two tables in a schema of their own, secretfs.object (written once) and
 * secretfs.ref (swapped by UPDATE ... WHERE data = old).
 *
 * 1. A statement is a transaction, and the objects of one put are one: all or none.
 * 2. The server's word counts: synchronous_commit is never off in our session, and where the
 *    administrator asked for more (remote_apply), it stays.
 * 3. A statement that got no answer may have been carried out: see settle.h.
 * 4. Watching is LISTEN in a connection of its own.  One that broke and was made anew counts as a
 *    change, since nobody tells what was missed.
 *
 * Names are qualified, so that no search_path leads elsewhere.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io.h"
#include "engine.h"
#include "settle.h"

#define LIST_PAGE 1000
#define FORMAT "1"

struct postgres {
	struct backend backend; /* first */
	char *location;
	PGconn *c, *listener;
	char *reason;
	int poll, timer; /* epoll over the listener's socket and, while that is down, a timer; -1 */
};

static const char schema[] =
	"BEGIN;"
	"SELECT pg_advisory_xact_lock(7310579);" /* two that make it at once */
	"CREATE SCHEMA IF NOT EXISTS secretfs;"
	"CREATE TABLE IF NOT EXISTS secretfs.format (version text PRIMARY KEY);"
	"CREATE TABLE IF NOT EXISTS secretfs.object"
	" (key text COLLATE \"C\" PRIMARY KEY, data bytea NOT NULL);"
	"ALTER TABLE secretfs.object ALTER data SET STORAGE EXTERNAL;" /* sealed: no compression */
	"CREATE TABLE IF NOT EXISTS secretfs.ref"
	" (key text COLLATE \"C\" PRIMARY KEY, data bytea NOT NULL);"
	"CREATE OR REPLACE FUNCTION secretfs.tell() RETURNS trigger LANGUAGE plpgsql AS"
	" $$BEGIN PERFORM pg_notify('secretfs', ''); RETURN NULL; END$$;"
	"DROP TRIGGER IF EXISTS tell ON secretfs.ref;"
	"CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON secretfs.ref"
	" FOR EACH STATEMENT EXECUTE FUNCTION secretfs.tell();"
	"INSERT INTO secretfs.format VALUES ('" FORMAT "') ON CONFLICT DO NOTHING;"
	"COMMIT";

static const char session_settings[] =
	"SET client_min_messages = error;"
	"SELECT set_config('synchronous_commit', 'on', false)"
	" WHERE current_setting('synchronous_commit') IN ('off', 'local')";

static struct postgres *postgres_of(struct backend *b)
{
	return (struct postgres *)b;
}

/* ---- connections ---- */

static PGconn *connect_to(struct postgres *p)
{
	const char *const words[] = {"dbname",
				     "fallback_application_name",
				     "connect_timeout",
				     "keepalives_idle",
				     "tcp_user_timeout",
				     "client_encoding",
				     NULL};
	const char *const values[] = {p->location, "secretfs", "5", "10", "8000", "UTF8", NULL};
	PGconn *c = PQconnectdbParams(words, values, 1);
	PGresult *r = NULL;

	if (PQstatus(c) == CONNECTION_OK)
		r = PQexec(c, session_settings);
	if (PQresultStatus(r) == PGRES_TUPLES_OK) {
		PQclear(r);
		return c;
	}
	engine_explain(p->reason, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
	errno = ECONNREFUSED;
	return NULL;
}

static bool connected(struct postgres *p)
{
	if (p->c && PQstatus(p->c) == CONNECTION_OK)
		return true;
	PQfinish(p->c);
	p->c = connect_to(p);
	return p->c;
}

/* SQLSTATE (PostgreSQL's manual, appendix A), or that there is none because nobody answered. */
static enum settle_end judge(struct postgres *p, const PGresult *r)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

	engine_explain(p->reason, r ? PQresultErrorMessage(r) : PQerrorMessage(p->c));
	if (!state || PQstatus(p->c) != CONNECTION_OK || strncmp(state, "57P", 3) == 0 ||
	    strncmp(state, "08", 2) == 0) {
		errno = ECONNRESET;
		return SETTLE_LOST;
	}
	if (strcmp(state, "23505") == 0) /* unique_violation */
		return SETTLE_REFUSED;
	if (strncmp(state, "40", 2) == 0) /* serialization, deadlock: rolled back */
		return SETTLE_NOT_DONE;
	errno = strncmp(state, "53", 2) == 0  ? ENOSPC
		: strcmp(state, "25006") == 0 ? EROFS
					      : /* a standby */
			strcmp(state, "42501") == 0 ? EACCES
						    : EPROTO;
	return SETTLE_FAILED;
}

struct value {
	const void *data;
	size_t len;
};

/* In binary; up to four values. */
static enum settle_end query(struct postgres *p, const char *sql, const struct value *v, int n,
			     ExecStatusType expected, PGresult **out)
{
	const char *data[4];
	int lengths[4], formats[4];
	PGresult *r;

	*out = NULL;
	if (!connected(p))
		return SETTLE_NOT_DONE;
	for (int i = 0; i < n; i++) {
		data[i] = v[i].data;
		lengths[i] = (int)v[i].len;
		formats[i] = 1;
	}
	r = PQexecParams(p->c, sql, n, NULL, data, lengths, formats, 1);
	if (PQresultStatus(r) != expected) {
		enum settle_end end = judge(p, r);

		PQclear(r);
		return end;
	}
	*out = r;
	return SETTLE_DONE;
}

/* For what may be asked any number of times. */
static int query_again(struct postgres *p, const char *sql, const struct value *v, int n,
		       ExecStatusType expected, PGresult **out)
{
	enum settle_end end = SETTLE_FAILED;
	int64_t begun = 0;

	for (unsigned i = 0; settle_again(&begun, i); i++) {
		end = query(p, sql, v, n, expected, out);
		if (end == SETTLE_DONE || end == SETTLE_FAILED)
			break;
	}
	return end == SETTLE_DONE ? 0 : ERR_IO;
}

/* ---- the verbs ---- */

static bool is_ref(const char *key)
{
	return strncmp(key, "refs/", 5) == 0;
}

static int take_value(const PGresult *r, size_t cap, struct blob *out)
{
	uint8_t *data;
	size_t len;

	if (PQntuples(r) == 0)
		return ERR_NOENT;
	len = (size_t)PQgetlength(r, 0, 0);
	if (len > cap)
		return ERR_TOOBIG;
	data = malloc(len ? len : 1);
	if (!data)
		return ERR_NOMEM;
	memcpy(data, PQgetvalue(r, 0, 0), len);
	*out = (struct blob){data, len};
	return 0;
}

static int postgres_get(struct backend *b, const char *key, size_t cap, int flags, struct blob *out)
{
	const struct value v[] = {{key, strlen(key)}};
	PGresult *answer = NULL;
	int r = query_again(postgres_of(b),
			    is_ref(key) ? "SELECT data FROM secretfs.ref WHERE key = $1::text"
					: "SELECT data FROM secretfs.object WHERE key = $1::text",
			    v, 1, PGRES_TUPLES_OK, &answer);

	(void)flags; /* durable before it can be read */
	if (!r)
		r = take_value(answer, cap, out);
	PQclear(answer);
	return r;
}

static bool send_items(PGconn *c, const struct backend_item *items, size_t n)
{
	static const char sql[] =
		"INSERT INTO secretfs.object (key, data) VALUES ($1::text, $2::bytea)";

	for (size_t i = 0; i < n; i++) {
		const char *const data[] = {items[i].key, (const char *)items[i].data};
		const int lengths[] = {(int)strlen(items[i].key), (int)items[i].len};
		const int formats[] = {1, 1};

		if (!PQsendQueryParams(c, sql, 2, NULL, data, lengths, formats, 1))
			return false;
	}
	return PQpipelineSync(c);
}

/* Until the end of the pipeline: the first thing that went wrong. */
static enum settle_end take_answers(struct postgres *p, size_t n)
{
	enum settle_end end = SETTLE_DONE;

	for (size_t left = 2 * n + 8; left; left--) {
		PGresult *r = PQgetResult(p->c); /* NULL after each statement */
		ExecStatusType s = PQresultStatus(r);

		if (r && s == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			return end;
		}
		if (r && s != PGRES_COMMAND_OK && s != PGRES_PIPELINE_ABORTED && end == SETTLE_DONE)
			end = judge(p, r);
		PQclear(r);
		if (PQstatus(p->c) != CONNECTION_OK)
			break;
	}
	return end == SETTLE_DONE ? judge(p, NULL) : end;
}

/* Between two synchronizations a pipeline is one transaction. */
static enum settle_end put_attempt(const struct settle_put *s)
{
	struct postgres *p = postgres_of(s->b);
	enum settle_end end;

	if (!connected(p))
		return SETTLE_NOT_DONE;
	if (!PQenterPipelineMode(p->c))
		return judge(p, NULL);
	end = send_items(p->c, s->items, s->n) ? take_answers(p, s->n) : judge(p, NULL);
	if (!PQexitPipelineMode(p->c)) { /* something is left in it: a new connection has nothing */
		PQfinish(p->c);
		p->c = NULL;
	}
	return end;
}

static int postgres_put(struct backend *b, const struct backend_item *items, size_t n)
{
	/* the answers of one batch fit into a socket's buffer */
	static const struct settle_limits most = {256, 8u << 20, 0};

	return settle_put(
		&(struct settle_put){.b = b, .items = items, .n = n, .attempt = put_attempt},
		&most);
}

static enum settle_end swap_attempt(const struct settle_swap *s, struct blob *now)
{
	struct postgres *p = postgres_of(s->b);
	const struct value v[] = {{s->key, strlen(s->key)},
				  {s->new->data, s->new->len},
				  {s->old ? s->old->data : NULL, s->old ? s->old->len : 0}};
	PGresult *answer = NULL;
	enum settle_end end;
	int r;

	if (s->old)
		end = query(p,
			    "UPDATE secretfs.ref SET data = $2::bytea"
			    " WHERE key = $1::text AND data = $3::bytea",
			    v, 3, PGRES_COMMAND_OK, &answer);
	else
		end = query(p,
			    "INSERT INTO secretfs.ref (key, data) VALUES ($1::text, $2::bytea)"
			    " ON CONFLICT DO NOTHING",
			    v, 2, PGRES_COMMAND_OK, &answer);
	if (end == SETTLE_DONE && strcmp(PQcmdTuples(answer), "1") != 0)
		end = SETTLE_REFUSED;
	PQclear(answer);
	if (end == SETTLE_REFUSED) {
		r = postgres_get(s->b, s->key, SIZE_MAX, 0, now);
		if (r && r != ERR_NOENT)
			return SETTLE_LOST;
	}
	return end;
}

static int postgres_swap(struct backend *b, const char *key, const struct blob *old,
			 const struct blob *new)
{
	return settle_swap(&(struct settle_swap){
		.b = b, .key = key, .old = old, .new = new, .attempt = swap_attempt});
}

static int postgres_delete(struct backend *b, const char *key)
{
	const struct value v[] = {{key, strlen(key)}};
	PGresult *answer = NULL;
	int r = query_again(postgres_of(b),
			    is_ref(key) ? "DELETE FROM secretfs.ref WHERE key = $1::text"
					: "DELETE FROM secretfs.object WHERE key = $1::text",
			    v, 1, PGRES_COMMAND_OK, &answer);

	PQclear(answer);
	return r;
}

static int list_page(struct postgres *p, const char *prefix, char last[static BACKEND_KEY_SIZE],
		     bool *more, int (*fn)(void *arg, const char *key), void *arg)
{
	char end[BACKEND_KEY_SIZE];
	/* '0' follows '/': the end of all that begins with prefix/ */
	int n = snprintf(end, sizeof(end), "%s0", prefix), r;
	const struct value v[] = {{last, strlen(last)}, {end, (size_t)n}};
	PGresult *answer = NULL;

	r = query_again(
		p,
		is_ref(end) || strcmp(prefix, "refs") == 0
			? "SELECT key FROM secretfs.ref WHERE key > $1::text AND key < $2::text"
			  " ORDER BY key LIMIT 1000"
			: "SELECT key FROM secretfs.object WHERE key > $1::text AND key < $2::text"
			  " ORDER BY key LIMIT 1000",
		v, 2, PGRES_TUPLES_OK, &answer);
	n = r ? 0 : PQntuples(answer);
	*more = n == LIST_PAGE;
	for (int i = 0; i < n && !r; i++) {
		if (PQgetlength(answer, i, 0) >= BACKEND_KEY_SIZE)
			continue; /* no key is that long */
		snprintf(last, BACKEND_KEY_SIZE, "%s", PQgetvalue(answer, i, 0));
		r = fn(arg, last);
	}
	PQclear(answer);
	return r;
}

static int postgres_list(struct backend *b, const char *prefix,
			 int (*fn)(void *arg, const char *key), void *arg)
{
	char last[BACKEND_KEY_SIZE];
	bool more = true;
	int r = snprintf(last, sizeof(last), "%s/", prefix) < (int)sizeof(last) - 1 ? 0 : ERR_INVAL;

	while (!r && more)
		r = list_page(postgres_of(b), prefix, last, &more, fn, arg);
	return r;
}

/* ---- watching ---- */

static void arm(const struct postgres *p, int seconds)
{
	const struct itimerspec t = {.it_value = {.tv_sec = seconds}};

	timerfd_settime(p->timer, 0, &t, NULL);
}

/* In a new connection, or try again in a second. */
static void listen_again(struct postgres *p)
{
	struct epoll_event ev = {.events = EPOLLIN};
	PGresult *r;

	PQfinish(p->listener); /* closes its socket, which leaves the epoll set by that */
	p->listener = connect_to(p);
	r = p->listener ? PQexec(p->listener, "LISTEN secretfs") : NULL;
	if (PQresultStatus(r) != PGRES_COMMAND_OK ||
	    epoll_ctl(p->poll, EPOLL_CTL_ADD, PQsocket(p->listener), &ev) != 0)
		arm(p, 1);
	PQclear(r);
}

static int postgres_watch(struct backend *b, int *fd)
{
	struct postgres *p = postgres_of(b);
	struct epoll_event ev = {.events = EPOLLIN};

	if (p->poll < 0) {
		p->poll = epoll_create1(EPOLL_CLOEXEC);
		p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
		if (p->poll < 0 || p->timer < 0 ||
		    epoll_ctl(p->poll, EPOLL_CTL_ADD, p->timer, &ev) != 0) {
			io_close(p->poll);
			io_close(p->timer);
			p->poll = p->timer = -1;
			return ERR_IO;
		}
		listen_again(p);
	}
	*fd = p->poll;
	return 0;
}

static void postgres_watch_clear(struct backend *b)
{
	struct postgres *p = postgres_of(b);
	PGnotify *n;
	uint64_t expired;
	bool down = !p->listener || read(p->timer, &expired, sizeof(expired)) > 0;

	if (down || !PQconsumeInput(p->listener) || PQstatus(p->listener) != CONNECTION_OK) {
		listen_again(p);
		return;
	}
	while ((n = PQnotifies(p->listener)))
		PQfreemem(n);
}

static void postgres_close(struct backend *b)
{
	struct postgres *p = postgres_of(b);

	PQfinish(p->listener);
	PQfinish(p->c);
	io_close(p->poll);
	io_close(p->timer);
	free(p->location);
	free(p);
}

static const struct backend_ops ops = {
	.get = postgres_get,
	.put = postgres_put,
	.swap = postgres_swap,
	.list = postgres_list,
	.delete = postgres_delete,
	.watch = postgres_watch,
	.watch_clear = postgres_watch_clear,
	.close = postgres_close,
};

/* ---- opening ---- */

/* "@" after "user:password" of a URL: a command line is seen by everybody. */
static bool has_password(const char *location)
{
	PQconninfoOption *options = PQconninfoParse(location, NULL);
	bool found = false;

	for (const PQconninfoOption *o = options; o && o->keyword; o++)
		found = found || (strcmp(o->keyword, "password") == 0 && o->val);
	PQconninfoFree(options);
	return found;
}

static int make_schema(struct postgres *p)
{
	PGresult *r = PQexec(p->c, schema);
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;

	if (!ok)
		(void)judge(p, r);
	PQclear(r);
	return ok ? 0 : ERR_IO;
}

static int check_format(struct postgres *p)
{
	PGresult *r = PQexec(p->c, "SELECT version FROM secretfs.format");
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	int e = 0;

	if (PQresultStatus(r) != PGRES_TUPLES_OK) {
		/* undefined_table, invalid_schema_name */
		e = state && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0)
			    ? ERR_NOENT
			    : ERR_IO;
		(void)judge(p, r);
	} else if (PQntuples(r) != 1 || strcmp(PQgetvalue(r, 0, 0), FORMAT) != 0) {
		e = ERR_FORMAT;
	}
	PQclear(r);
	return e;
}

ENGINE_EXPORT int ENGINE_OPEN(const char *location, int create, struct backend **out,
			      char reason[static ENGINE_REASON])
{
	struct postgres *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return ERR_NOMEM;
	*p = (struct postgres){
		.backend.ops = &ops,
		.location = strdup(location),
		.reason = reason,
		.poll = -1,
		.timer = -1,
	};
	if (!p->location)
		r = ERR_NOMEM;
	else if (has_password(location)) {
		engine_explain(p->reason,
			       "a password does not belong in the URL: put it into a passfile");
		r = ERR_INVAL;
	} else if (!connected(p))
		r = ERR_IO;
	if (!r)
		r = check_format(p);
	if (r == ERR_NOENT && create) {
		r = make_schema(p);
		if (!r)
			r = check_format(p);
	}
	p->reason = NULL;
	if (r) {
		int saved = errno;

		postgres_close(&p->backend);
		errno = saved;
		return r;
	}
	*out = &p->backend;
	return 0;
}
