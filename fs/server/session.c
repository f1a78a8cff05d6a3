/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "decision.h"
#include "hook.h"
#include "log.h"
#include "ops.h"

#define TRIES 5
#define READ_PAGES 256
/* linux/fuse.h of Linux 6.9: a code of notification, and a flag that a kernel which knows it gives. */
#define INVAL_RESEND 7
#define HAS_RESEND (1u << 7) /* in flags2 */
#define ALLOW_MMAP (1u << 4) /* in flags2, Linux 6.6: FUSE_DIRECT_IO_ALLOW_MMAP */
#define LOOK_AROUND 8	     /* a lone reader's requests */
#define BURST 512	     /* requests, until signals and counted log lines get their turn */

struct loop {
	struct server *s;
	const struct session_options *o;
	bool ready;
	bool crowded;  /* several wait: take all, and answer in a fair order */
	unsigned calm; /* requests answered while not */
};

static void log_libfuse(enum fuse_log_level level, const char *format, va_list ap)
{
	char text[512];
	size_t len;

	vsnprintf(text, sizeof(text), format, ap);
	len = strlen(text);
	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len)
		log_say(level <= FUSE_LOG_ERR ? LOGGED_ERROR : LOGGED_DEBUG, "%s", text);
}

/* ---- the descriptor ---- */

/* Which answer is on its way; before there are threads. */
static enum { REPLY_PLAIN, REPLY_INIT, REPLY_SWALLOWED } reply;
static uint32_t offered; /* flags2 of INIT */

/*
 * libfuse derives the pages of a READ from the size of a WRITE, which is small here, since the slot
 * is: the answer to INIT gets as many as the kernel may ask for.  And it does not know yet that what
 * is read directly may be mapped shared all the same (Linux 6.6).
 */
static ssize_t write_init(int fd, const struct iovec *iov, int count)
{
	struct fuse_init_out init;
	struct iovec changed[2] = {iov[0], {&init, sizeof(init)}};

	if (count != 2 || iov[1].iov_len != sizeof(init))
		return writev(fd, iov, count);
	memcpy(&init, iov[1].iov_base, sizeof(init));
	if (init.flags & FUSE_MAX_PAGES)
		init.max_pages = READ_PAGES;
	if (offered & ALLOW_MMAP) {
		init.flags |= FUSE_INIT_EXT;
		init.flags2 |= ALLOW_MMAP;
	}
	return writev(fd, changed, 2);
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *arg)
{
	ssize_t len = 0;

	(void)arg;
	if (reply == REPLY_PLAIN)
		return writev(fd, iov, count);
	if (reply == REPLY_INIT)
		return write_init(fd, iov, count);
	for (int i = 0; i < count; i++)
		len += (ssize_t)iov[i].iov_len;
	return len;
}

/* Required by libfuse, and not used: the loop reads by itself. */
static ssize_t io_read(int fd, void *buf, size_t len, void *arg)
{
	(void)arg;
	return read(fd, buf, len);
}

static const struct fuse_in_header *in_slot(const struct server *s)
{
	return (const void *)s->shared->slot;
}

static void process(struct server *s, const void *request, size_t len)
{
	struct fuse_buf buf = {.size = len, .mem = (void *)(uintptr_t)request};

	fuse_session_process_buf(s->se, &buf);
}

/* What the kernel has been told already is told to this session alone. */
static int begin_again(struct server *s)
{
	struct shm *sh = s->shared;

	if (!sh->init_answered)
		return 0;
	if (sh->init_len < sizeof(struct fuse_in_header) || sh->init_len > sizeof(sh->init))
		return ERR_FORMAT;
	reply = REPLY_SWALLOWED;
	process(s, sh->init, sh->init_len);
	reply = REPLY_PLAIN;
	return 0;
}

int session_open(struct server *s, const struct session_options *o)
{
	static const struct fuse_custom_io io = {.writev = io_writev, .read = io_read};
	char name[] = "secretfs", debug[] = "-d";
	char *argv[] = {name, o->debug ? debug : NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(o->debug ? 2 : 1, argv);

	fuse_set_log_func(log_libfuse);
	if (fcntl(o->fuse_fd, F_SETFL, O_NONBLOCK) < 0)
		return ERR_IO;
	s->se = fuse_session_new(&args, &ops_table, sizeof(ops_table), s);
	fuse_opt_free_args(&args);
	if (!s->se)
		return ERR_IO;
	if (fuse_session_custom_io(s->se, &io, o->fuse_fd) != 0) {
		fuse_session_destroy(s->se);
		s->se = NULL;
		return ERR_IO;
	}
	return begin_again(s);
}

/* ---- requests ---- */

/* The flags2 that the kernel began the session with. */
static uint32_t flags_offered(const struct shm *sh)
{
	struct fuse_init_in init = {0};
	size_t header = sizeof(struct fuse_in_header);

	if (sh->init_len < header + sizeof(init) || sh->init_len > sizeof(sh->init))
		return 0;
	memcpy(&init, sh->init + header, sizeof(init));
	return init.flags & FUSE_INIT_EXT ? init.flags2 : 0;
}

/* Requests whose answers depend on what has been committed. */
static bool needs_state(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_OPEN:
	case FUSE_ACCESS:
	case FUSE_OPENDIR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		return true;
	default:
		return false;
	}
}

static void refuse(const struct server *s, const struct fuse_in_header *in, int err)
{
	const struct fuse_out_header out = {
		.len = sizeof(out), .error = -err, .unique = in->unique};

	if (write(fuse_session_fd(s->se), &out, sizeof(out)) < 0)
		log_say(LOGGED_DEBUG, "nobody waited for it any more");
}

/* It is answered, or waits in a row of its own (s->stays). */
static void answer(struct server *s, const struct fuse_in_header *in, struct parked *parked,
		   bool left)
{
	struct shm *sh = s->shared;

	s->request = in;
	s->parked = parked;
	s->stays = false;
	if (in->opcode == FUSE_INTERRUPT)
		return; /* no answer takes so long that it would be worth it */
	if (needs_state(in->opcode) && !server_refresh(s)) {
		if (!server_wait(s))
			refuse(s, in, EAGAIN);
		return;
	}
	s->again = left || (in->unique & SERVER_RESENT);
	sh->active = in->unique;
	if (in->opcode == FUSE_INIT) {
		sh->init_len = in->len;
		if (sh->init_len <= sizeof(sh->init))
			memcpy(sh->init, in, sh->init_len);
		offered = flags_offered(sh);
		reply = REPLY_INIT;
		process(s, in, in->len);
		reply = REPLY_PLAIN;
		sh->init_answered = true;
	} else {
		process(s, in, in->len);
	}
	sh->active = 0;
	atomic_fetch_add_explicit(&sh->answered, 1, memory_order_relaxed);
}

static void answer_slot(struct server *s, bool left)
{
	answer(s, in_slot(s), NULL, left);
	shm_clear(s->shared);
}

/* What it waited for is there, or its time is over. */
static void answer_parked(struct server *s, struct parked *p)
{
	if (p->for_state && p->late) {
		reload_give_up(s->reload);
		p->late = false;
	}
	p->for_state = p->for_object = p->for_groups = false;
	answer(s, park_request(s->park, p), p, p->left);
	if (s->stays)
		p->late = false;
	else
		park_done(s->park, p);
}

static void answer_all_parked(struct server *s)
{
	bool settled = park_is_empty(s->park) || server_refresh(s);
	struct parked *p;

	while ((p = park_ready(s->park, settled)))
		answer_parked(s, p);
}

/* A request that killed every server which took it up gets an error, and the others get theirs. */
static bool refuse_deadly(struct server *s, const struct fuse_in_header *in, uint64_t active)
{
	struct shm *sh = s->shared;

	if (in->unique != active)
		return false;
	if (sh->tried != active)
		sh->tries = 0;
	sh->tried = active;
	if (++sh->tries < TRIES)
		return false;
	log_say(LOGGED_ALARM, "a request (operation %u) ended %u servers: answering it with EIO",
		in->opcode, sh->tries - 1);
	refuse(s, in, EIO);
	return true;
}

/* Those that waited longest first. */
static void refuse_deadly_parked(struct server *s, uint64_t active)
{
	struct parked *next;

	for (struct parked *p = park_first(s->park); p; p = next) {
		next = p->next;
		if (hook_no_slot() || refuse_deadly(s, park_request(s->park, p), active))
			park_done(s->park, p);
	}
}

/* Begin where the predecessor ended.  What was moved from the slot may be in both places. */
static bool answer_left(struct server *s)
{
	uint32_t pending = shm_pending(s->shared);
	uint64_t active = s->shared->active;
	struct shm_request *r;
	bool left;

	if (pending > SHM_SLOT_SIZE)
		return false;
	refuse_deadly_parked(s, active);
	while ((r = request_queue_next(s->queue, &left))) {
		const struct fuse_in_header *in = (const void *)r->bytes;

		if (!hook_no_slot() && !refuse_deadly(s, in, active))
			answer(s, in, NULL, true);
		request_queue_done(s->queue, r, 0);
	}
	if (pending && !hook_no_slot() && !refuse_deadly(s, in_slot(s), active))
		answer_slot(s, true);
	shm_clear(s->shared);
	return true;
}

static bool offers_resend(const struct shm *sh)
{
	return sh->init_answered && (flags_offered(sh) & HAS_RESEND);
}

/* After what is in the slot was answered: the kernel does not know it again by that id. */
static void ask_again(struct server *s, const struct session_options *o)
{
	const struct fuse_out_header out = {.len = sizeof(out), .error = INVAL_RESEND};

	if (o->no_resend || !offers_resend(s->shared))
		return;
	if (write(o->fuse_fd, &out, sizeof(out)) < 0) {
		log_say(LOGGED_WARNING, "the kernel does not resend requests: %s", strerror(errno));
		return;
	}
	log_say(LOGGED_DEBUG, "the kernel resends unanswered requests");
	park_drop(s->park); /* what waits is sent again too */
}

/* Read a request into the slot if there is one.  1: done, 0: none, <0: the end. */
static int receive(struct loop *l)
{
	struct shm *sh = l->s->shared;
	ssize_t n = read(l->o->fuse_fd, sh->slot, sizeof(sh->slot));

	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
		return 0;
	if (n < (ssize_t)sizeof(struct fuse_in_header)) {
		if (n >= 0 || errno != ENODEV)
			log_say(LOGGED_ERROR, "/dev/fuse: %s",
				n < 0 ? strerror(errno) : "too little");
		return -1;
	}
	busy_poll_arrived(&l->s->busy_poll, (pid_t)in_slot(l->s)->pid);
	return 1;
}

/* The request in the slot.  -1: it was the last. */
static int answer_received(struct loop *l)
{
	answer_slot(l->s, false);
	if (fuse_session_exited(l->s->se))
		return -1;
	if (!l->ready && l->s->shared->init_answered) {
		l->ready = true;
		l->o->ready(l->o->arg);
	}
	return 1;
}

/* What begins or ends something, or is not answered at all, is of no user. */
static bool may_wait(const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_INIT:
	case FUSE_DESTROY:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return false;
	default:
		return true;
	}
}

/* A RELEASE comes from the kernel: it waits with the requests of the user who opened. */
static uid_t user_of(const struct server *s, const struct fuse_in_header *in)
{
	const struct fuse_release_in *release = (const void *)(in + 1);

	if (in->len < sizeof(*in) + sizeof(*release))
		return in->uid;
	if (in->opcode == FUSE_RELEASE)
		return open_file_owner(s->files, release->fh, in->uid);
	if (in->opcode == FUSE_RELEASEDIR)
		return dir_handle_owner(s->dir_handles, release->fh, in->uid);
	return in->uid;
}

/* Take what the kernel has.  How many that were, or <0: the end. */
static int receive_all(struct loop *l)
{
	struct server *s = l->s;
	int received = 0;

	while (request_queue_fits(s->queue, 0)) {
		const struct fuse_in_header *in = in_slot(s);
		int n = receive(l);

		if (n == 0)
			break;
		if (n < 0)
			return n;
		received++;
		if (may_wait(in) && request_queue_fits(s->queue, in->len)) {
			request_queue_put(s->queue, user_of(s, in), in, in->len);
			shm_clear(s->shared);
		} else if ((n = answer_received(l)) < 0) {
			return n;
		}
	}
	return received;
}

/* Answer the request whose turn it is.  False: there is none. */
static bool answer_next(struct server *s)
{
	int64_t begin = clock_ns();
	bool left;
	struct shm_request *r = request_queue_next(s->queue, &left);

	if (!r)
		return false;
	answer(s, (const void *)r->bytes, NULL, left);
	request_queue_done(s->queue, r, clock_ns() - begin);
	return true;
}

/*
 * Answer one request if there is one.  1: answered, 0: none, <0: the end.
 *
 * A lone reader's is answered as soon as it is read; whether others wait too is looked for now and
 * then, and as long as they do.
 */
static int answer_one(struct loop *l)
{
	int n;

	if (!l->crowded) {
		l->crowded = ++l->calm % LOOK_AROUND == 0;
		n = receive(l);
		return n > 0 ? answer_received(l) : n;
	}
	n = receive_all(l);
	if (n < 0)
		return n;
	l->crowded = n > 1 || request_queue_len(l->s->queue) > 1;
	return answer_next(l->s) || n > 0;
}

/* Answer what is there, and what comes before it is time to sleep. */
static int answer_all(struct loop *l)
{
	int answered = 0;

	while (answered < (park_is_empty(l->s->park) ? BURST : LOOK_AROUND)) {
		int n = answer_one(l);

		if (n < 0)
			return n;
		answered += n;
		if (n == 0 && !busy_poll_on(&l->s->busy_poll))
			break;
	}
	return 0;
}

static void take_news(struct loop *l)
{
	uint64_t count;

	if (read(reload_fd(l->s->reload), &count, sizeof(count)) > 0)
		server_refresh(l->s);
}

static enum session_end loop(struct loop *l)
{
	struct server *s = l->s;
	struct pollfd p[5] = {
		{.fd = fuse_session_fd(l->s->se), .events = POLLIN},
		{.fd = reload_fd(l->s->reload), .events = POLLIN},
		{.fd = l->o->channel, .events = POLLIN},
		{.fd = fetcher_store_fd(s->fetcher), .events = POLLIN},
		{.fd = fetcher_proc_fd(s->fetcher), .events = POLLIN},
	};

	for (;;) {
		int ms = server_tick(s), due = park_due(s->park), n;

		if (due >= 0 && (ms < 0 || due < ms))
			ms = due;
		if (request_queue_len(l->s->queue))
			ms = 0;
		n = poll(p, 5, ms);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return SESSION_FAILED;
		}
		if ((p[2].revents & POLLIN) && !l->o->heard(l->o->arg))
			return SESSION_STOPPED;
		if (p[2].revents & POLLHUP) {
			log_say(LOGGED_ERROR,
				"supervisor and helper have ended: the mount goes on as long as this server lives; unmount it and mount it again");
			p[2].fd = -1;
		}
		if (p[1].revents & POLLIN)
			take_news(l);
		if ((p[3].revents | p[4].revents) & POLLIN)
			fetcher_take(s->fetcher);
		answer_all_parked(s);
		if ((p[0].revents || request_queue_len(l->s->queue)) && answer_all(l) < 0)
			return SESSION_UNMOUNTED;
	}
}

enum session_end session_run(struct server *s, const struct session_options *o)
{
	struct loop l = {.s = s, .o = o};
	enum session_end end;

	if (!answer_left(s))
		return SESSION_FAILED;
	ask_again(s, o);
	if (s->shared->init_answered) {
		l.ready = true;
		o->ready(o->arg);
	}
	end = loop(&l);
	decision_flush_all();
	return end;
}
