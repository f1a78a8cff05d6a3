/* SPDX-License-Identifier: ISC */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "handover.h"

#define FULL_MIN_MS 20 /* between two offers to one that is full, doubled up to FULL_MAX_MS */
#define FULL_MAX_MS 1000
#define GONE_MIN_MS 100 /* and to one that is not there */
#define GONE_MAX_MS 30000

enum outcome { TAKEN, FULL, GONE };

struct record {
	uint16_t len;
	bool minor;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool to_syslog;
static int syslog_fd = -1;
static int stderr_fd = -1; /* one of ours, which does not block; -1: none is to be had */
static uint8_t room[LOG_SINK_ROOM];
static size_t first, used; /* of room */
static unsigned long lost;
static int64_t tried; /* ms */
static int wait_ms;   /* after that; 0: at once */

/* ---- a ring of lines ---- */

static void copy_in(const void *from, size_t len)
{
	size_t at = (first + used) % LOG_SINK_ROOM, n = LOG_SINK_ROOM - at;

	if (n > len)
		n = len;
	memcpy(room + at, from, n);
	memcpy(room, (const uint8_t *)from + n, len - n);
	used += len;
}

static void copy_out(size_t offset, void *to, size_t len)
{
	size_t at = (first + offset) % LOG_SINK_ROOM, n = LOG_SINK_ROOM - at;

	if (n > len)
		n = len;
	memcpy(to, room + at, n);
	memcpy((uint8_t *)to + n, room, len - n);
}

static void keep(const char *line, size_t len, bool minor)
{
	const struct record r = {(uint16_t)len, minor};
	size_t most = minor ? LOG_SINK_ROOM / 4 * 3 : LOG_SINK_ROOM;

	if (used + sizeof(r) + len > most) {
		lost++;
		return;
	}
	copy_in(&r, sizeof(r));
	copy_in(line, len);
}

static size_t oldest(char line[static LOG_SINK_LINE])
{
	struct record r;

	copy_out(0, &r, sizeof(r));
	copy_out(sizeof(r), line, r.len);
	return r.len;
}

static void drop_oldest(size_t len)
{
	size_t n = sizeof(struct record) + len;

	first = (first + n) % LOG_SINK_ROOM;
	used -= n;
}

/* ---- where they go ---- */

static enum outcome judge(ssize_t n)
{
	if (n >= 0)
		return TAKEN;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? FULL : GONE;
}

static enum outcome send_syslog(const char *line, size_t len)
{
	static const struct sockaddr_un address = {AF_UNIX, "/dev/log"};
	ssize_t n = sendto(syslog_fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (const void *)&address, sizeof(address));

	return judge(n);
}

/* A terminal or a pipe is opened anew, so that it can be written to without blocking and nobody
 * else's descriptor is changed. */
static int open_stderr(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return -1;
	return handover_keep(open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

/* Standard error may be another one by now, and who reads the old one waits for its end. */
static void follow_stderr(bool wanted)
{
	struct stat a, b;

	if (stderr_fd >= 0 &&
	    (!wanted || fstat(stderr_fd, &a) != 0 || fstat(STDERR_FILENO, &b) != 0 ||
	     a.st_dev != b.st_dev || a.st_ino != b.st_ino || a.st_rdev != b.st_rdev)) {
		close(stderr_fd);
		stderr_fd = -1;
	}
	if (wanted && stderr_fd < 0)
		stderr_fd = open_stderr();
}

static enum outcome send_stderr(const char *line, size_t len)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0 || errno != ENOTSOCK)
		return judge(n);
	if (stderr_fd >= 0)
		return judge(write(stderr_fd, line, len));
	if (poll(&p, 1, 0) != 1 || !(p.revents & (POLLOUT | POLLERR)))
		return FULL;
	return judge(write(STDERR_FILENO, line, len));
}

static void offer(void)
{
	char line[LOG_SINK_LINE];
	int64_t now = clock_ms();

	tried = now;
	while (used) {
		size_t len = oldest(line);
		enum outcome o = to_syslog ? send_syslog(line, len) : send_stderr(line, len);

		if (o == FULL)
			wait_ms = wait_ms ? wait_ms * 2 : FULL_MIN_MS;
		if (o == FULL && wait_ms > FULL_MAX_MS)
			wait_ms = FULL_MAX_MS;
		if (o == GONE)
			wait_ms = wait_ms >= GONE_MIN_MS ? wait_ms * 2 : GONE_MIN_MS;
		if (wait_ms > GONE_MAX_MS)
			wait_ms = GONE_MAX_MS;
		if (o != TAKEN)
			return;
		drop_oldest(len);
		wait_ms = 0;
	}
}

/* ---- */

static void make_socket(void)
{
	if (syslog_fd < 0)
		syslog_fd = handover_keep(
			socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void log_sink_prepare(void)
{
	pthread_mutex_lock(&lock);
	make_socket();
	pthread_mutex_unlock(&lock);
}

void log_sink_use(bool syslog)
{
	pthread_mutex_lock(&lock);
	if (syslog)
		make_socket();
	follow_stderr(!syslog);
	if (syslog != to_syslog)
		first = used = 0;
	to_syslog = syslog;
	wait_ms = 0;
	pthread_mutex_unlock(&lock);
}

/* As syslog(3) of libc writes it. */
static size_t head_of(int priority, char out[static LOG_SINK_LINE])
{
	time_t now = time(NULL);
	struct tm tm;
	int n = snprintf(out, LOG_SINK_LINE, "<%d>", priority | LOG_DAEMON);

	if (localtime_r(&now, &tm))
		n += (int)strftime(out + n, 32, "%h %e %T ", &tm);
	n += snprintf(out + n, 32, "secretfs[%d]: ", (int)getpid());
	return (size_t)n;
}

void log_sink_put(int priority, const char *line, size_t len, bool minor)
{
	char text[LOG_SINK_LINE];
	size_t at;

	pthread_mutex_lock(&lock);
	at = to_syslog ? head_of(priority, text) : 0;
	if (len > sizeof(text) - 1 - at)
		len = sizeof(text) - 1 - at;
	memcpy(text + at, line, len);
	len += at;
	if (!to_syslog)
		text[len++] = '\n';
	keep(text, len, minor);
	/* A flood is not to ask one that is full at each line. */
	if (clock_ms() - tried >= (wait_ms < GONE_MIN_MS ? wait_ms : GONE_MIN_MS))
		offer();
	pthread_mutex_unlock(&lock);
}

int log_sink_flush(void)
{
	int ms = -1;

	pthread_mutex_lock(&lock);
	if (used && clock_ms() - tried >= wait_ms)
		offer();
	if (used) {
		int64_t left = tried + wait_ms - clock_ms();

		ms = left > 0 ? (int)left : 0;
	}
	pthread_mutex_unlock(&lock);
	return ms;
}

unsigned long log_sink_lost(void)
{
	unsigned long n = 0;

	pthread_mutex_lock(&lock);
	if (!used) {
		n = lost;
		lost = 0;
	}
	pthread_mutex_unlock(&lock);
	return n;
}
