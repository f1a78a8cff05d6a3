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
#include <sys/signalfd.h>
#include <unistd.h>

#include "linger.h"
#include "log.h"
#include "ops.h"

#define BURST 512 /* requests, until signals and counted log lines get their turn */

struct loop {
	struct server *s;
	const struct session_options *o;
	struct fuse_buf buf;
	struct linger linger;
	int signal_fd;
	bool ready;
};

static void waited_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void session_block_signals(void)
{
	sigset_t set;

	waited_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

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

int session_open(struct server *s, const struct session_options *o)
{
	char name[] = "secretfs", debug[] = "-d", path[32];
	char *argv[] = {name, o->debug ? debug : NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(o->debug ? 2 : 1, argv);

	fuse_set_log_func(log_libfuse);
	if (fcntl(o->fuse_fd, F_SETFL, O_NONBLOCK) < 0)
		return ERR_IO;
	s->se = fuse_session_new(&args, &ops_table, sizeof(ops_table), s);
	fuse_opt_free_args(&args);
	if (!s->se)
		return ERR_IO;
	/* It is mounted already: libfuse takes the descriptor by this name. */
	snprintf(path, sizeof(path), "/dev/fd/%d", o->fuse_fd);
	if (fuse_session_mount(s->se, path) != 0) {
		fuse_session_destroy(s->se);
		s->se = NULL;
		return ERR_IO;
	}
	return 0;
}

void session_close(struct server *s)
{
	if (s->se)
		fuse_session_destroy(s->se);
	s->se = NULL;
}

/* ---- the loop ---- */

/* Answer one request if there is one.  1: answered, 0: none, <0: the end. */
static int answer_one(struct loop *l)
{
	int n = fuse_session_receive_buf(l->s->se, &l->buf);

	if (n == -EINTR || n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	linger_arrived(&l->linger, (pid_t)((const struct fuse_in_header *)l->buf.mem)->pid);
	fuse_session_process_buf(l->s->se, &l->buf);
	if (fuse_session_exited(l->s->se))
		return -1;
	if (!l->ready && l->s->answered) {
		l->ready = true;
		l->o->ready(l->o->ready_arg);
	}
	return 1;
}

/* Answer what is there, and what comes before it is time to sleep. */
static int answer_all(struct loop *l)
{
	int answered = 0;

	while (answered < BURST) {
		int n = answer_one(l);

		if (n < 0)
			return n;
		answered += n;
		if (n == 0 && !linger_on(&l->linger))
			break;
	}
	return 0;
}

/* False when it is one that ends the session. */
static bool take_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	if (read(l->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP) {
		reload_kick(l->s->reload);
		return true;
	}
	log_say(LOGGED_DEBUG, "signal %u", info.ssi_signo);
	return false;
}

static void take_news(struct loop *l)
{
	uint64_t count;

	if (read(reload_fd(l->s->reload), &count, sizeof(count)) > 0)
		server_refresh(l->s);
}

static enum session_end loop(struct loop *l)
{
	struct pollfd p[3] = {
		{.fd = fuse_session_fd(l->s->se), .events = POLLIN},
		{.fd = reload_fd(l->s->reload), .events = POLLIN},
		{.fd = l->signal_fd, .events = POLLIN},
	};

	for (;;) {
		if (poll(p, 3, log_flush()) < 0) {
			if (errno == EINTR)
				continue;
			return SESSION_FAILED;
		}
		if ((p[2].revents & POLLIN) && !take_signal(l))
			return SESSION_SIGNAL;
		if (p[1].revents & POLLIN)
			take_news(l);
		if (p[0].revents && answer_all(l) < 0)
			return SESSION_UNMOUNTED;
	}
}

/* Nobody may be left waiting for an answer with a lock that a notification waits for. */
static void drain(struct loop *l)
{
	struct pollfd p = {.fd = fuse_session_fd(l->s->se), .events = POLLIN};

	notify_end(l->s->notify);
	while (!notify_ended(l->s->notify))
		if (poll(&p, 1, 1) > 0 && answer_all(l) < 0)
			return;
}

enum session_end session_run(struct server *s, const struct session_options *o)
{
	struct loop l = {.s = s, .o = o};
	enum session_end end;
	sigset_t set;

	waited_signals(&set);
	l.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l.signal_fd < 0)
		return SESSION_FAILED;
	end = loop(&l);
	if (end != SESSION_UNMOUNTED)
		drain(&l);
	close(l.signal_fd);
	free(l.buf.mem);
	log_flush_all();
	return end;
}
