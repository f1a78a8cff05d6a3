# SPDX-License-Identifier: ISC
#
# One Makefile, not recursive. Sources are found by being in a room:
#
#   store/, store/*/          -> libstore.a   (libsodium, inih)
#   store/engine/X.c          -> secretfs-X.so, loaded when a store is in X
#                                             (etcd: libcurl, jansson; postgres: libpq)
#   fs/, fs/*/    + libstore  -> secretfs     (libfuse3, jansson)
#   tools/secretctl/
#                 + libstore  -> secretctl    (jansson, libbsd, libyaml)
#   tests/unit/test_*.c       -> one cmocka program each
#
# Each room has its own include path and libraries, so a wrong dependency
# does not compile. `make help` lists the targets and the variables.

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib/secretfs
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=

ifeq ($(origin CC),default)
CC := gcc
endif
AR         ?= ar
PKG_CONFIG ?= pkg-config
INSTALL    ?= install

BUILD ?= build
ifeq ($(SAN),1)
B := $(BUILD)/san
else ifeq ($(FUZZ),1)
B := $(BUILD)/fuzz
CC := clang
else ifeq ($(COV),1)
B := $(BUILD)/cov
CC := clang
else
B := $(BUILD)
endif

ifeq ($(V),1)
Q   :=
say  = @:
else
Q   := @
say  = @printf '  %-7s %s\n' '$(1)' '$(2)';
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

# --- who builds -------------------------------------------------------------
#
# `sudo make demo` in somebody's clone must not leave files there which that
# person can neither rebuild nor remove: root compiles as the clone's owner.

clone_owner := $(shell stat -c '%u:%g' . 2>/dev/null)
ifeq ($(shell id -u),0)
ifneq ($(firstword $(subst :, ,$(clone_owner))),0)
as_owner := setpriv --reuid=$(firstword $(subst :, ,$(clone_owner))) \
	--regid=$(lastword $(subst :, ,$(clone_owner))) --clear-groups
endif
endif

# --- sources ----------------------------------------------------------------

engines    := etcd postgres
engine_src := $(engines:%=store/engine/%.c)
store_src  := $(filter-out $(engine_src),$(sort $(wildcard store/*.c store/*/*.c)))
fs_src    := $(sort $(wildcard fs/*.c fs/*/*.c))
tools_src := $(sort $(wildcard tools/secretctl/*.c))
unit_src  := $(sort $(wildcard tests/unit/*.c))

objects    = $(patsubst %.c,$(B)/obj/%.o,$(1))
store_obj := $(call objects,$(store_src))
fs_obj    := $(call objects,$(fs_src))
tools_obj := $(call objects,$(tools_src))
unit_obj  := $(call objects,$(unit_src))

unit_test := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
unit_help := $(call objects,$(filter-out tests/unit/test_%,$(unit_src)))

man_pages := $(sort $(wildcard man/*.[1-9]))
units     := $(sort $(wildcard tools/systemd/*.service))

lib_store := $(B)/libstore.a
modules   := $(engines:%=$(B)/secretfs-%.so)
programs  := $(if $(fs_src),$(B)/secretfs) $(if $(tools_src),$(B)/secretctl)

# --- flags ------------------------------------------------------------------

# What this compiler and this libc know is asked once and kept.
goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean deps help uninstall demo check check-e2e check-mutants check-vectors \
	bench bench-quick coverage fuzz fuzz-long lint lint-%,$(goals)),)
-include $(B)/probed.mk
endif

CFLAGS ?= $(if $(filter 1,$(SAN) $(FUZZ) $(COV)),-O1,-O2) -g

warn := -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wundef -Wvla -Wwrite-strings \
	-Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wimplicit-fallthrough \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
	-Werror=int-conversion -Werror=return-type -Werror=format-security
ifeq ($(WERROR),1)
warn += -Werror
endif
# Which of them count is what gcc says.
ifneq ($(filter 1,$(FUZZ) $(COV)),)
warn := -w -Werror=implicit-function-declaration -Werror=return-type
endif

harden_ld := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
ifeq ($(SAN),1)
san := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
probed_fortify :=
else ifeq ($(FUZZ),1)
san := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
probed_fortify :=
else ifeq ($(COV),1)
# The counters are a mapped file (%c), opened before main(): a server that is confined, changes its
# user or is killed has counted all the same. The path is compiled in, as many are started without
# an environment.
cov_raw := $(abspath $(B))/raw
san := -fprofile-instr-generate=$(cov_raw)/%m%c.profraw -fcoverage-mapping \
	-mllvm -runtime-counter-relocation
endif

base_cflags := -std=c17 -D_GNU_SOURCE $(warn) $(CFLAGS) -fPIE $(probed_cflags) $(probed_fortify) $(san)
base_ldflags := $(harden_ld) -Wl,--as-needed $(san) $(LDFLAGS)

pkgs_store := libsodium inih
pkgs_etcd  := libcurl jansson libsodium
pkgs_postgres := libpq
pkgs_net   := $(sort $(pkgs_etcd) $(pkgs_postgres))
pkgs_fs    := $(pkgs_store) fuse3 jansson libseccomp
pkgs_tools := $(pkgs_store) jansson libbsd yaml-0.1
pkgs_unit  := $(pkgs_fs) libbsd yaml-0.1 cmocka

pc = $(shell $(PKG_CONFIG) $(1) $(2) 2>/dev/null)

fuse_version := -DFUSE_USE_VERSION=312

rooms_store := -Istore -Istore/policy -Istore/backend -Istore/engine
rooms_fs    := -Ifs/common -Ifs/supervisor -Ifs/server
rooms_tools := -Itools/secretctl

inc_store := $(rooms_store) $(call pc,--cflags,$(pkgs_store))
inc_engine = $(rooms_store) $(call pc,--cflags,$(pkgs_$(1)))
inc_fs    := $(rooms_fs) $(rooms_store) $(fuse_version) $(call pc,--cflags,$(pkgs_fs))
inc_tools := $(rooms_tools) $(rooms_store) $(call pc,--cflags,$(pkgs_tools))
inc_unit  := -Itests/unit $(rooms_store) $(rooms_fs) $(rooms_tools) $(fuse_version) $(call pc,--cflags,$(pkgs_unit))

libs_fs    := $(call pc,--libs,$(pkgs_fs)) -pthread
libs_tools := $(call pc,--libs,$(pkgs_tools)) -pthread
libs_unit  := $(call pc,--libs,$(pkgs_unit)) -pthread

# --- build ------------------------------------------------------------------

.PHONY: all
all: $(lib_store) $(modules) $(programs)

# A file that changes only when its text does: what depends on it is rebuilt
# when the flags change or a source is added or taken away.
define keep
$(Q)$(as_owner) mkdir -p $(@D)
$(Q)printf '%s\n' '$(1)' | cmp -s - $@ || printf '%s\n' '$(1)' | $(as_owner) tee $@ >/dev/null
endef

.PHONY: always
$(B)/flags: always | have-build
	$(call keep,$(CC) $(base_cflags) $(base_ldflags) $(LIBDIR))
$(B)/list-store: always
	$(call keep,$(store_src))
$(B)/list-fs: always
	$(call keep,$(fs_src))
$(B)/list-tools: always
	$(call keep,$(tools_src))

$(store_obj): inc := $(inc_store)
$(fs_obj): inc := $(inc_fs)
$(tools_obj): inc := $(inc_tools)
$(unit_obj): inc := $(inc_unit)

$(B)/obj/%.o: %.c $(B)/flags
	$(Q)$(as_owner) mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(as_owner) $(CC) $(inc) $(base_cflags) -MMD -MP -c -o $@ $<

define archive
$(call say,AR,$@)
$(Q)$(as_owner) rm -f $@
$(Q)$(as_owner) $(AR) rcsD $@ $(filter %.o,$^)
endef

$(lib_store): $(store_obj) $(B)/list-store
	$(archive)
$(B)/libfs.a: $(fs_obj) $(B)/list-fs
	$(archive)
$(B)/libtools.a: $(tools_obj) $(B)/list-tools
	$(archive)

define link
$(Q)$(as_owner) mkdir -p $(@D)
$(call say,LD,$@)
$(Q)$(as_owner) $(CC) $(base_cflags) $(base_ldflags) $(if $(filter %.so,$@),,-pie) -o $@.new $(filter %.o %.a,$^) $(1)
$(Q)$(as_owner) mv -f $@.new $@
endef

# An engine and what it needs of store/, all of it its own: nothing else is seen from outside.
engine_need := store/engine/explain.c store/engine/settle.c store/blob.c store/io.c
engine_obj  := $(patsubst %.c,$(B)/pic/%.o,$(engine_src) $(engine_need))
$(engine_need:%.c=$(B)/pic/%.o): inc := $(inc_store)
$(foreach e,$(engines),$(eval $(B)/pic/store/engine/$(e).o: inc := $(call inc_engine,$(e))))
$(B)/pic/%.o: %.c $(B)/flags
	$(Q)$(as_owner) mkdir -p $(@D)
	$(call say,CC,$< (module))
	$(Q)$(as_owner) $(CC) $(inc) $(base_cflags) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<
$(modules): $(B)/secretfs-%.so: $(B)/pic/store/engine/%.o $(engine_need:%.c=$(B)/pic/%.o)
	$(call link,-shared $(call pc,--libs,$(pkgs_$*)) -pthread)

$(B)/obj/store/backend/location.o: inc += -DLIBDIR='"$(LIBDIR)"'

$(B)/secretfs: $(fs_obj) $(lib_store) $(B)/list-fs
	$(call link,$(libs_fs))
$(B)/secretctl: $(tools_obj) $(lib_store) $(B)/list-tools
	$(call link,$(libs_tools))

# A unit test gets libstore. One named after a source of fs/ or tools/
# (test_view.c, test_view_names.c for fs/view.c), or test_fs_*, test_tools_*,
# gets that room too, without its main(). So do those of the invariants that
# are about what a mount shows.
of_mount := test_invariant_05_% test_invariant_06_% test_invariant_13_% test_invariant_19_%
names = $(foreach s,$(basename $(notdir $(1))),test_$(s) test_$(s)_%)
room_libs = $(if $(filter $(call names,$(fs_src)) test_fs_% $(of_mount),$(1)),$(B)/libfs.a) \
	$(if $(filter $(call names,$(tools_src)) test_tools_%,$(1)),$(B)/libtools.a)

.SECONDEXPANSION:
$(unit_test): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(unit_help) $$(call room_libs,$$*) $(lib_store)
	$(call link,$(libs_unit))

.PHONY: unit-tests
unit-tests: $(unit_test) $(modules:$(B)/%=$(B)/tests/unit/%)
$(modules:$(B)/%=$(B)/tests/unit/%): $(B)/tests/unit/%: $(B)/%
	$(Q)$(as_owner) mkdir -p $(@D)
	$(Q)$(as_owner) ln -sf ../../$* $@

# A fuzz target gets libstore and the unit tests' fixture; fuzz_fs_* and fuzz_tools_* that room too.
fuzz_target := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
fuzz_obj := $(call objects,$(sort $(wildcard tests/fuzz/*.c)))
fuzz_help := $(call objects,tests/fuzz/fuzz.c) $(unit_help)
fuzz_libs = $(if $(filter fuzz_fs_%,$(1)),$(B)/libfs.a) \
	$(if $(filter fuzz_tools_%,$(1)),$(B)/libtools.a)
$(fuzz_obj): inc := -Itests/fuzz $(inc_unit)
$(fuzz_target): $(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(fuzz_help) $$(call fuzz_libs,$$*) $(lib_store)
	$(call link,-fsanitize=fuzzer $(libs_unit))

.PHONY: fuzz-targets
fuzz-targets: $(fuzz_target)

# Tries each flag on an empty program, and keeps what neither fails nor warns.
$(B)/probed.mk: Makefile
	$(Q)$(as_owner) mkdir -p $(@D)
	$(Q)cc_takes() { printf '%s\n' "$$source" | \
		$(CC) -Werror -O2 "$$@" -x c -c -o /dev/null - 2>/dev/null; }; \
	{ source='int x;'; printf 'probed_cflags :='; \
	  for f in -fstack-protector-strong -fstack-clash-protection -fcf-protection=full; do \
		cc_takes $$f && printf ' %s' $$f; done; \
	  printf '\nprobed_fortify :='; \
	  for n in 3 2; do \
		source="$$(printf '#include <stdio.h>\n#if __USE_FORTIFY_LEVEL < %s\n#error\n#endif' $$n)"; \
		cc_takes -D_FORTIFY_SOURCE=$$n && \
		printf ' -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=%s' $$n && break; done; \
	  printf '\n'; } | $(as_owner) tee $@ >/dev/null

.PHONY: have-build
have-build:
	@command -v $(PKG_CONFIG) >/dev/null || { \
		echo "pkg-config is missing: run 'make deps' as root, or see the README" >&2; exit 1; }
	@missing=; for p in $(sort $(pkgs_fs) $(pkgs_tools) $(pkgs_net)); do \
		$(PKG_CONFIG) --exists $$p || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] || { \
		echo "missing to build:$$missing: run 'make deps' as root, or see the README" >&2; exit 1; }

-include $(engine_obj:.o=.d) $(store_obj:.o=.d) $(fs_obj:.o=.d) $(tools_obj:.o=.d) $(unit_obj:.o=.d) $(fuzz_obj:.o=.d)

# --- install ----------------------------------------------------------------
#
# mount.fuse3 looks for `secretfs` in PATH, so `mount -t fuse.secretfs` and
# fstab need no helper of ours.

.PHONY: install uninstall
install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 0755 $(programs) $(DESTDIR)$(BINDIR)
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 0644 $(modules) $(DESTDIR)$(LIBDIR)
	@for m in $(man_pages); do \
		d=$(DESTDIR)$(MANDIR)/man$${m##*.}; \
		echo "$(INSTALL) -m 0644 $$m $$d"; \
		$(INSTALL) -d "$$d" && $(INSTALL) -m 0644 "$$m" "$$d" || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(UNITDIR)
	@for u in $(units); do \
		f=$(DESTDIR)$(UNITDIR)/$${u##*/}; echo "$(INSTALL) -m 0644 $$u $$f"; \
		sed 's,@BINDIR@,$(BINDIR),' "$$u" >"$$f.new" && \
		$(INSTALL) -m 0644 "$$f.new" "$$f" && rm -f "$$f.new" || exit 1; done

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/secretfs $(DESTDIR)$(BINDIR)/secretctl
	rm -f $(patsubst $(B)/%,$(DESTDIR)$(LIBDIR)/%,$(modules))
	@for m in $(man_pages); do \
		f=$(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; echo "rm -f $$f"; rm -f "$$f"; done
	@for u in $(units); do \
		f=$(DESTDIR)$(UNITDIR)/$${u##*/}; echo "rm -f $$f"; rm -f "$$f"; done

.PHONY: clean
clean:
	rm -rf $(BUILD)

# --- dependencies, demo -----------------------------------------------------

.PHONY: deps deps-all demo
deps:
	@.ci/deps build

deps-all:
	@.ci/deps build check lint fuzz coverage

demo:
	@.ci/deps build
	@$(MAKE) --no-print-directory all
	@B=$(B) tests/demo

# --- tests ------------------------------------------------------------------
#
# T=pattern runs only the tests whose suite/file matches it.

.PHONY: check-long check check-unit check-e2e check-layer check-vectors check-san check-mutants
.PHONY: fuzz fuzz-long coverage
check:
	@.ci/deps build check
	@$(MAKE) --no-print-directory all unit-tests
	@B=$(B) T='$(T)' tests/run

check-unit: unit-tests
	@B=$(B) T='$(T)' tests/run unit

check-e2e check-vectors: check-%:
	@.ci/deps build check
	@$(MAKE) --no-print-directory all
	@B=$(B) T='$(T)' tests/run $*

check-layer: all
	@T='$(T)' tests/run layer

# Leaks are errors. A test that walks into a guard page of sodium_malloc on
# purpose does so in a child with SIGSEGV's default action.
check-san:
	@.ci/deps build check
	@$(MAKE) --no-print-directory SAN=1 unit-tests
	@B=$(BUILD)/san T='$(T)' \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 tests/run unit

# Lines and branches that the unit and end-to-end tests reach together.
coverage:
	@.ci/deps build check coverage
	@$(MAKE) --no-print-directory COV=1 all unit-tests
	@B=$(BUILD)/cov T='$(T)' tests/coverage

# Each target for a minute, two at a time; what it finds is kept in $(BUILD)/fuzz.
FUZZ_SECONDS ?= $(if $(filter fuzz-long,$(MAKECMDGOALS)),3600,60)
fuzz fuzz-long:
	@.ci/deps build check fuzz
	@$(MAKE) --no-print-directory FUZZ=1 fuzz-targets
	@B=$(BUILD)/fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(T)

# Half an hour; a thousand servers killed with FUSE_NOTIFY_RESEND, and a thousand without.
check-long: all
	@B=$(B) KILLS=1000 T=unkillable LIMIT=3000 tests/run e2e
	@B=$(B) ROTATIONS=1000 T=rotation_invisible LIMIT=3000 tests/run e2e
	@B=$(B) NEIGHBOUR_SECONDS=60 T=invariant_16_neighbour tests/run e2e
	@B=$(B) python3 -B tests/fault/lost-replies
	@B=$(B) FULL=1 T=injected LIMIT=7200 tests/run fault

# The tests of the invariants, each seen to fail on code broken on purpose.
check-mutants:
	@.ci/deps build check
	@$(MAKE) --no-print-directory all unit-tests
	@B=$(B) tests/mutants/run $(T)

# --- benchmarks -------------------------------------------------------------
#
# Side by side with other file systems; tables, JSON and plots in $(B)/bench. A
# verdict is printed and fails nothing: other machines, other numbers.

bench_prog := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
$(bench_prog:$(B)/bench/%=$(B)/obj/tests/bench/%.o): inc := $(inc_fs)
$(bench_prog): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(lib_store)
	$(call link,$(libs_fs))
-include $(bench_prog:$(B)/bench/%=$(B)/obj/tests/bench/%.d)

.PHONY: bench bench-quick
bench bench-quick:
	@.ci/deps build check
	@.ci/deps bench || echo 'bench: what is missing is left out, and named below'
	@$(MAKE) --no-print-directory all bench-programs
	@B=$(B) tests/bench/run $(if $(filter bench-quick,$@),--quick)

.PHONY: bench-programs
bench-programs: $(bench_prog)

# --- lint -------------------------------------------------------------------

.PHONY: lint lint-format lint-tidy lint-cppcheck lint-shell lint-man format
lint:
	@.ci/deps build check lint
	@$(MAKE) --no-print-directory -k -j2 lint-format lint-shell lint-man lint-cppcheck lint-tidy

c_src     := $(store_src) $(engine_src) $(fs_src) $(tools_src) $(sort $(wildcard tests/*/*.c))
c_headers := $(sort $(wildcard store/*.h store/*/*.h fs/*/*.h tools/*/*.h tests/*/*.h))

lint-format:
	$(call say,LINT,clang-format)
	$(Q)$(if $(c_src),clang-format --dry-run -Werror $(c_src) $(c_headers))

format:
	$(Q)$(as_owner) clang-format -i $(c_src) $(c_headers)

# A source outside the rooms is read with the unit tests' include path.
lint_inc = $(if $(filter $(engine_src),$(1)),$(call inc_engine,$(basename $(notdir $(1)))),$(or $(inc_$(firstword $(subst /, ,$(1)))),$(inc_unit)))
tidy := $(addprefix tidy/,$(c_src))
.PHONY: $(tidy)
lint-tidy: $(tidy)
$(tidy): tidy/%:
	$(call say,TIDY,$*)
	$(Q)clang-tidy --quiet $* -- -std=c17 -D_GNU_SOURCE $(call lint_inc,$*) 2>&1 \
		| { grep -v -e ' warnings\? generated' -e '^Suppressed ' -e '^Use -header-filter' || :; } \
		| { ! grep .; }

# Not asked: leaks, because cleanup attributes look like one to it (the
# sanitizers see real ones); members that another file fills; readdir, which is
# safe on a stream of one's own.
cppcheck_flags := --quiet --std=c11 --error-exitcode=1 --inline-suppr --library=posix \
	--enable=warning,performance,portability --suppress=missingInclude \
	--suppress=missingIncludeSystem --suppress=memleak --suppress=resourceLeak \
	--suppress=uninitStructMember --suppress=readdirCalled -D_GNU_SOURCE -D__linux__ $(fuse_version) \
	$(rooms_store) $(rooms_fs) $(rooms_tools)
lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)$(if $(c_src),cppcheck $(cppcheck_flags) $(c_src))

# Scripts are known by their first line or their suffix.
lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)scripts=$$(grep -lE '^#!.*\b(sh|bash)$$' -r .ci tests tools 2>/dev/null | grep -v '\.bats$$'); \
	shellcheck -x -P SCRIPTDIR $$scripts $(wildcard tests/*/*.bash)
	$(Q)$(if $(wildcard tests/*/*.bats),shellcheck -x -P SCRIPTDIR -s bats $(wildcard tests/*/*.bats))

lint-man:
	$(call say,LINT,mandoc)
	$(Q)$(if $(man_pages),mandoc -Tlint -Wwarning $(man_pages))

# --- help -------------------------------------------------------------------

.PHONY: help
help:
	@printf '%s\n' \
	'make              build libstore.a, secretfs and secretctl in $(BUILD)/' \
	'make deps         install what building needs (root); deps-all: checking and linting too' \
	'make demo         show secretfs at work on a throwaway store (root)' \
	'make check        all tests; T=pattern for some (root)' \
	'make check-unit, check-e2e, check-layer, check-vectors   one kind of test' \
	'make check-san    the unit tests under address and undefined sanitizers' \
	'make check-mutants   break each promise on purpose: its test must see it (root)' \
	'make coverage     lines and branches that unit and end-to-end tests reach; T=pattern (root)' \
	'make fuzz         each fuzz target for FUZZ_SECONDS=60; fuzz-long: for an hour' \
	'make bench        side by side with other file systems (root); bench-quick: two minutes' \
	'make check-long  kill, rotate, crowd and fault for an hour (root)' \
	'make lint         clang-format, clang-tidy, cppcheck, shellcheck, mandoc' \
	'make format       let clang-format rewrite the sources' \
	'make install, uninstall   DESTDIR= PREFIX=$(PREFIX) BINDIR= LIBDIR= MANDIR= UNITDIR=' \
	'make clean' \
	'' \
	'V=1 show commands   WERROR=1 warnings fail   SAN=1 sanitizers, in $(BUILD)/san' \
	'BUILD=dir another output directory   CFLAGS= LDFLAGS= CC= as usual'
