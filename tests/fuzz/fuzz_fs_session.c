/* SPDX-License-Identifier: ISC */
/*
 * Requests as the kernel makes them from what any process does: of the right form, since the kernel
 * is believed, and otherwise anything.  None is answered twice, and what is answered has the right form.
 */
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "fuzz.h"
#include "log.h"
#include "request_queue.h"
#include "session.h"
#include "stats.h"

#define REQUESTS 64
#define REQUEST_MAX 4096
#define SIZE_MAX_ASKED (1u << 20) /* the kernel's limit on a READ */

static struct server server;
static struct session_options options;
static struct policy_area *area;
static struct reload_options options_of_reload = {
	.policy_path = "policy.ini", .policy_watch = -1, .mountpoint = "/m"};

/* ---- requests ---- */

static const struct shape {
	uint32_t opcode;
	size_t fixed;	/* bytes of the argument */
	unsigned names; /* behind it */
} shapes[] = {
	{FUSE_LOOKUP, 0, 1},
	{FUSE_FORGET, sizeof(struct fuse_forget_in), 0},
	{FUSE_GETATTR, sizeof(struct fuse_getattr_in), 0},
	{FUSE_OPEN, sizeof(struct fuse_open_in), 0},
	{FUSE_READ, sizeof(struct fuse_read_in), 0},
	{FUSE_RELEASE, sizeof(struct fuse_release_in), 0},
	{FUSE_OPENDIR, sizeof(struct fuse_open_in), 0},
	{FUSE_READDIR, sizeof(struct fuse_read_in), 0},
	{FUSE_READDIRPLUS, sizeof(struct fuse_read_in), 0},
	{FUSE_RELEASEDIR, sizeof(struct fuse_release_in), 0},
	{FUSE_GETXATTR, sizeof(struct fuse_getxattr_in), 1},
	{FUSE_LISTXATTR, sizeof(struct fuse_getxattr_in), 0},
	{FUSE_ACCESS, sizeof(struct fuse_access_in), 0},
	{FUSE_STATFS, 0, 0},
	{FUSE_FLUSH, sizeof(struct fuse_flush_in), 0},
	{FUSE_SETATTR, sizeof(struct fuse_setattr_in), 0},
	{FUSE_READLINK, 0, 0},
	{FUSE_SYMLINK, 0, 2},
	{FUSE_MKNOD, sizeof(struct fuse_mknod_in), 1},
	{FUSE_MKDIR, sizeof(struct fuse_mkdir_in), 1},
	{FUSE_UNLINK, 0, 1},
	{FUSE_RMDIR, 0, 1},
	{FUSE_RENAME, sizeof(struct fuse_rename_in), 2},
	{FUSE_RENAME2, sizeof(struct fuse_rename2_in), 2},
	{FUSE_LINK, sizeof(struct fuse_link_in), 1},
	{FUSE_CREATE, sizeof(struct fuse_create_in), 1},
	{FUSE_REMOVEXATTR, 0, 1},
	{FUSE_FSYNC, sizeof(struct fuse_fsync_in), 0},
	{FUSE_FSYNCDIR, sizeof(struct fuse_fsync_in), 0},
	{FUSE_GETLK, sizeof(struct fuse_lk_in), 0},
	{FUSE_SETLK, sizeof(struct fuse_lk_in), 0},
	{FUSE_INTERRUPT, sizeof(struct fuse_interrupt_in), 0},
	{FUSE_BMAP, sizeof(struct fuse_bmap_in), 0},
	{FUSE_POLL, sizeof(struct fuse_poll_in), 0},
	{FUSE_FALLOCATE, sizeof(struct fuse_fallocate_in), 0},
	{FUSE_LSEEK, sizeof(struct fuse_lseek_in), 0},
	{4000, 40, 0}, /* of a kernel to come */
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static bool has_no_answer(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT;
}

static uint64_t take_node(struct dec *in)
{
	uint8_t which = take_u8(in);
	uint64_t alias = (uint64_t)(which & 0xe0) << (VIEW_ALIAS_SHIFT + 3);

	which &= 0x1f;
	if (which == 31)
		return take_u64(in);
	return view_node(server.view, view_at(server.view, which % view_count(server.view))) ^
	       alias;
}

static void put_name(struct enc *w, struct dec *in)
{
	static const char *const names[] = {"KEY", "key", "group", "KEY2", ".x", "nothing"};
	char own[256];
	uint8_t which = take_u8(in);

	if (which < 6) {
		put_bytes(w, names[which], strlen(names[which]) + 1);
		return;
	}
	take_str8(in, own, sizeof(own)); /* one with a NUL in it is an empty one */
	put_bytes(w, own, strlen(own) + 1);
}

/* What the kernel never gets wrong. */
static void set_right(uint32_t opcode, uint8_t *arg)
{
	uint32_t size;

	if (opcode == FUSE_READ || opcode == FUSE_READDIR || opcode == FUSE_READDIRPLUS) {
		struct fuse_read_in r;

		memcpy(&r, arg, sizeof(r));
		r.size %= SIZE_MAX_ASKED + 1;
		r.offset &= INT64_MAX;
		r.fh %= 2 * REQUESTS;
		memcpy(arg, &r, sizeof(r));
	} else if (opcode == FUSE_GETXATTR || opcode == FUSE_LISTXATTR) {
		memcpy(&size, arg, sizeof(size));
		size %= 65537;
		memcpy(arg, &size, sizeof(size));
	} else if (opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR) {
		arg[1] = arg[2] = arg[3] = arg[4] = arg[5] = arg[6] = arg[7] = 0; /* of fh */
	}
}

static size_t build(struct dec *in, uint64_t unique, uint8_t out[static REQUEST_MAX],
		    const struct shape **shape)
{
	const struct shape *s = &shapes[take_u8(in) % SHAPES];
	struct fuse_in_header h = {.opcode = s->opcode, .unique = unique, .nodeid = take_node(in)};
	uint8_t who = take_u8(in), arg[256];
	struct enc w = enc_over(out, REQUEST_MAX);

	h.uid = who & 3;
	h.gid = who / 4 & 3;
	h.pid = who & 16 ? (uint32_t)getpid() : who & 32;
	take_copy(in, arg, s->fixed);
	set_right(s->opcode, arg);
	put_bytes(&w, &h, sizeof(h));
	put_bytes(&w, arg, s->fixed);
	for (unsigned i = 0; i < s->names; i++)
		put_name(&w, in);
	require(!w.failed);
	h.len = (uint32_t)w.len;
	memcpy(out, &h, sizeof(h));
	*shape = s;
	return w.len;
}

static void send_init(int kernel)
{
	struct {
		struct fuse_in_header h;
		struct fuse_init_in in;
	} init = {
		.h = {.len = sizeof(init), .opcode = FUSE_INIT, .unique = 1},
		.in = {.major = 7,
		       .minor = 38,
		       .max_readahead = 131072,
		       .flags = UINT32_MAX & ~FUSE_INIT_EXT},
	};

	require(send(kernel, &init, sizeof(init), 0) == sizeof(init));
}

/* ---- answers ---- */

/* unique 2 … stands for request 0 … */
static void check_answers(int kernel, const struct shape *const *sent, size_t n)
{
	static uint8_t answer[2 * SIZE_MAX_ASKED];
	unsigned seen[REQUESTS] = {0};
	struct fuse_out_header h;
	ssize_t len;

	while ((len = recv(kernel, answer, sizeof(answer), MSG_DONTWAIT)) > 0) {
		require(len >= (ssize_t)sizeof(h));
		memcpy(&h, answer, sizeof(h));
		require(h.len == len && h.error <= 0 && h.error > -1000);
		if (h.unique < 2)
			continue; /* to INIT */
		require(h.unique - 2 < n && !seen[h.unique - 2]++);
	}
	for (size_t i = 0; i < n; i++)
		require(seen[i] <= !has_no_answer(sent[i]->opcode));
}

/* ---- one run ---- */

static void fresh_tables(void)
{
	static int fd = -1;

	request_queue_close(server.queue);
	files_close(server.files);
	listings_close(server.dir_handles);
	if (server.park)
		park_drop(server.park);
	free(server.park);
	shm_unmap(server.shared);
	if (fd >= 0)
		close(fd);
	require(shm_new(&fd) == 0 && shm_map(fd, &server.shared) == 0);
	ok(request_queue_open(server.shared, &server.queue));
	if (!server.fetcher)
		ok(fetcher_open(-1, &server.fetcher));
	ok(park_open(server.shared, server.fetcher, &server.park));
	ok(files_open(server.shared, &server.files));
	ok(listings_open(&server.dir_handles));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct shape *sent[REQUESTS];
	struct dec in = dec_of(data, size);
	uint8_t request[REQUEST_MAX];
	char said[4096];
	int pair[2], large = 8 << 20;
	size_t n = 0;

	fuzz_catch();
	fresh_tables();
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof(large));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof(large));
	options.fuse_fd = pair[1];
	ok(session_open(&server, &options));
	send_init(pair[0]);
	for (; n < REQUESTS && in.p < in.end; n++) {
		size_t len = build(&in, n + 2, request, &sent[n]);

		require(send(pair[0], request, len, MSG_DONTWAIT) == (ssize_t)len);
	}
	shutdown(pair[0], SHUT_WR);
	require(session_run(&server, &options) == SESSION_UNMOUNTED);
	fuse_session_destroy(server.se); /* closes its end */
	check_answers(pair[0], sent, n);
	close(pair[0]);
	(void)fuzz_said(said, sizeof(said));
	return 0;
}

/* ---- the mount ---- */

static void nothing(void *arg)
{
	(void)arg;
}

static bool go_on(void *arg)
{
	(void)arg;
	return true;
}

static void load_everything(struct fixture *f)
{
	static const char text[] = "[project alpha]\n[domain development]\n"
				   "[default]\nallow = uid:0, uid:1, gid:2\n"
				   "[secret KEY2]\ndeny = uid:1\n";
	struct load_error e = {0};
	struct policy_area_news news;

	policy_area_publish(area, text, sizeof(text) - 1, NULL, 0);
	ok(policy_area_load(area, &news));
	ok(mount_policy_new(news.policy, "/m", 0, &server.rules));
	options_of_reload.policy_number = news.number;
	options_of_reload.policy_text = news.text_from;
	fixture_put(f, "", "", "KEY", "of all");
	fixture_put(f, "alpha", "development", "KEY", "a value");
	fixture_put(f, "alpha", "", "group/KEY", "");
	fixture_put(f, "alpha", "", "group/b/KEY2", "another");
	fixture_put(f, "", "development", "KEY2", "x");
	server.bundle = fixture_reader(f, "alpha", "development", NULL);
	server.backend = f->b;
	ok(load_open(f->b, server.bundle, NULL, NULL, &server.load));
	ok(load_view(server.load, &server.view, &e));
}

static void specimen(void)
{
	static const uint8_t ops[] = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 22};
	ENC_CLEANUP struct enc w = {0};

	for (uint8_t node = 0; node < 6; node++)
		for (size_t i = 0; i < sizeof(ops); i++) {
			const struct shape *s = &shapes[ops[i]];
			uint8_t arg[256] = {0};

			put_u8(&w, ops[i]);
			put_u8(&w, node);
			put_u8(&w, 16);
			if (s->opcode == FUSE_READ || s->opcode == FUSE_READDIR ||
			    s->opcode == FUSE_READDIRPLUS) {
				const struct fuse_read_in r = {
					.size = 4096, .lock_owner = 1, .fh = i + 1};

				memcpy(arg, &r, sizeof(r));
			}
			put_bytes(&w, arg, s->fixed);
			for (unsigned name = 0; name < s->names; name++)
				put_u8(&w, (uint8_t)(node + name) % 6);
		}
	fuzz_specimen(w.data, w.len);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct fixture *f = fuzz_store(true);
	int helper[2], pair[2], status, rw, ro;

	(void)argc, (void)argv;
	ok(policy_area_new(&rw, &ro));
	ok(policy_area_map(rw, true, &area));
	load_everything(f);
	require(shm_new(&status) == 0 && stats_attach(status, offsetof(struct shm, status)) == 0);
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, helper) == 0);
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	close(helper[1]); /* nobody hears */
	options = (struct session_options){
		.channel = pair[0], .no_resend = true, .ready = nothing, .heard = go_on};
	fresh_tables();
	options_of_reload.renew = options_of_reload.whole = nothing;
	options_of_reload.backend = f->b;
	options_of_reload.load = server.load;
	options_of_reload.policy = area;
	ok(server_start(&server, helper[0], &options_of_reload));
	specimen();
	return 0;
}
