/* SPDX-License-Identifier: ISC */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "event_maker.h"
#include "log.h"
#include "inval_maker.h"
#include "policy_feed.h"

#define SUPERVISOR_MS 1000 /* for a supervisor that becomes another program to be one again */
#define SOON_MS 10
#define QUICK_MS 100 /* one that ends so soon is not started again at once */

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static void start_supervisor(struct child *supervisor, struct handover *h,
			     const struct mount_config *c)
{
	child_start(supervisor, h, handover_for_supervisor, h->fd[HANDOVER_EXE], ROLE_SUPERVISOR,
		    c->mountpoint);
	if (supervisor->pid <= 0)
		pause_ms(200);
}

/* patient: there should be one. */
static void find_supervisor(struct child *supervisor, struct handover *h,
			    const struct mount_config *c, bool patient)
{
	for (int ms = 0; ms < SUPERVISOR_MS; ms += SOON_MS) {
		if (child_adopt(supervisor, h->fd[HANDOVER_CONTROL], HANDOVER_LOCK_SUPERVISOR))
			return;
		if (!patient)
			break;
		pause_ms(SOON_MS);
	}
	start_supervisor(supervisor, h, c);
}

static void supervisor_ended(struct child *supervisor, struct handover *h,
			     const struct mount_config *c, struct control *control, int64_t started)
{
	/* One that never got as far as serving has told its caller that it failed. */
	if (!control->ready)
		control->stopping = true;
	control->supervisor_restarts++;
	if (!control->stopping)
		log_say(LOGGED_WARNING, "the supervisor ended; restarting it");
	if (clock_ms() - started < QUICK_MS)
		pause_ms(QUICK_MS);
	find_supervisor(supervisor, h, c, false);
}

/* ---- messages ---- */

struct errands {
	const struct handover *h;
	const struct mount_config *c;
	struct control *control;
};

/*
 * Where changes are made: the private mount, or, of a user, what is at the path if it is the mount that
 * is meant.  Not kept open: it would be in use, and could not be unmounted.  -1: nowhere.
 */
static int open_root(const struct errands *er)
{
	int private = er->h->fd[HANDOVER_PRIVATE];
	int fd = -1;

	if (private >= 0)
		return fcntl(private, F_DUPFD_CLOEXEC, 0);
	if (geteuid() != 0 && !er->control->unmounted)
		fd = mount_id_open(er->c->mountpoint, &er->control->mount);
	if (fd < 0 && !er->control->mute) {
		er->control->mute = true;
		log_say(LOGGED_WARNING,
			"%s: watchers hear of no more changes: the mount is not there any more",
			er->c->mountpoint);
	}
	return fd;
}

static void make_event(const struct errands *er, const void *message, size_t len)
{
	int root = open_root(er);

	if (root < 0)
		return;
	event_maker_run(root, message, len);
	close(root);
}

/* False: the channel is of no use any more. */
static bool do_message(const struct errands *er)
{
	_Alignas(
		struct helper_message) char buf[sizeof(struct helper_message) + HELPER_MESSAGE_MAX];
	const struct helper_message *m = (const void *)buf;
	int channel = er->h->fd[HANDOVER_EVENTS_IN];
	ssize_t n = recv(channel, buf, sizeof(buf), MSG_PEEK);

	if (n < 0)
		return errno == EINTR;
	if (n >= (ssize_t)sizeof(*m) && m->version == HANDOVER_VERSION) {
		if (m->type == HELPER_FORGET)
			inval_maker_do(er->h->fd[HANDOVER_FUSE], buf, (size_t)n);
		else if (m->type == HELPER_EVENT)
			make_event(er, buf, (size_t)n);
	}
	return recv(channel, buf, sizeof(buf), MSG_DONTWAIT) >= 0;
}

static void *run_errands(void *arg)
{
	while (do_message(arg))
		;
	log_say(LOGGED_DEBUG, "helper: %s", strerror(errno));
	return NULL;
}

/* It may have to wait for the policy's file system, or the user database; nothing else does. */
static void *run_policy(void *arg)
{
	policy_feed_run(arg);
	return NULL;
}

static bool start_threads(struct errands *er, struct policy_feed *feed)
{
	pthread_t thread;

	return policy_feed_open(feed, er->h, er->c->policy, er->c->policy_default,
				er->c->poll_seconds) == 0 &&
	       pthread_create(&thread, NULL, run_errands, er) == 0 &&
	       pthread_create(&thread, NULL, run_policy, feed) == 0;
}

int helper_run(struct handover *h, const struct mount_config *c)
{
	struct errands errands = {.h = h, .c = c};
	struct child supervisor = {.pidfd = -1};
	struct control *control;
	struct policy_feed feed;
	int64_t started;
	int status;

	if (handover_map_control(h->fd[HANDOVER_CONTROL], &control) < 0 ||
	    handover_lock(h->fd[HANDOVER_CONTROL], HANDOVER_LOCK_HELPER, false) < 0 ||
	    !(errands.control = control) || !start_threads(&errands, &feed))
		return EXIT_FAILURE;
	find_supervisor(&supervisor, h, c, true);
	for (;;) {
		struct pollfd p = {.fd = supervisor.pidfd, .events = POLLIN};

		if (supervisor.pid <= 0)
			start_supervisor(&supervisor, h, c);
		if (poll(&p, 1, supervisor.pid > 0 ? -1 : SOON_MS) < 0 && errno != EINTR)
			return EXIT_FAILURE;
		child_look(&supervisor);
		started = supervisor.since;
		if (child_take_end(&supervisor, &status))
			supervisor_ended(&supervisor, h, c, control, started);
	}
}
