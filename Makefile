# SPDX-License-Identifier: GPL-2.0
# Build and test in-kernel checkpoint/restart. `make help` lists the targets.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

TOP := $(CURDIR)
BUILD := $(TOP)/build
ST := tools/testing/selftests/checkpoint
QEMU := $(ST)/qemu
PLAIN := $(QEMU)/plain.config
DEBUG := $(PLAIN) $(QEMU)/debug.config
COVERAGE := $(PLAIN) $(QEMU)/coverage.config
CSAN := $(PLAIN) $(QEMU)/csan.config
LOCKSTAT := $(PLAIN) $(QEMU)/lockstat.config
BENCH := $(PLAIN) $(QEMU)/bench.config

# For users: extra Kconfig fragments, another base tree, which tests to run.
FRAGMENTS ?=
T ?=
IMAGES ?= 20000
KILLS ?= 2000
SECONDS ?= 60
RUNS ?= 1000000
CYCLES ?= 5000
GENERATIONS ?= 200
# The kernel, for fuzzing, streams, a soak and the benchmark; the part K/N of all places and
# which bits (0 to 7), for fuzzing.
SOAK_KERNEL := $(or $(KERNEL),plain)
BENCH_KERNEL := $(or $(KERNEL),bench)
KERNEL ?= debug
PART ?= 0/1
BITS ?= 0
export LINUX FORCE

.NOTPARALLEL:
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 28
	@echo '  variables: FRAGMENTS="a.config b.config" adds Kconfig fragments; T=pattern picks'
	@echo '  tests; LINUX=DIR builds on another base; FORCE=1 drops edits in build/linux;'
	@echo '  for fuzz, streams: KERNEL=plain, PART=K/N of all places; for fuzz: BITS=0 to 7;'
	@echo '  for soak: KERNEL=debug; for bench: QUICK=1 smaller, MORE=1 larger as well,'
	@echo '  COUNT=1 instructions instead of times, CRIU=PROGRAM another one than Debian has,'
	@echo '  KERNEL=plain the kernel of the tests, which is built anyway'

deps: ## install the Debian packages that are needed
	@devtools/deps

tree: deps ## assemble build/linux: base, patches/, our files
	@devtools/tree assemble

refresh-patches: deps ## write edits made in build/linux into patches/
	@devtools/tree refresh

kernel: tree ## build build/kernel/bzImage
	@devtools/kernel kernel $(PLAIN) $(FRAGMENTS)

kernel-debug: tree ## build build/kernel-debug/bzImage: KASAN, lockdep, kmemleak...
	@devtools/kernel kernel-debug $(DEBUG) $(FRAGMENTS)

headers: tree
	@devtools/headers

tools: headers ## build build/tools/ckpt
	@devtools/build-tools

selftests: headers ## build the static tests in build/selftests
	@devtools/build-selftests

debian: deps ## make build/debian.img, programs for the guest
	@$(QEMU)/mkdebian

initramfs: tools selftests
	@$(QEMU)/mkinitramfs

guest: kernel initramfs ## everything that devtools/guest CMD needs

lint: kernel ## style, sparse, kernel-doc, licence and patch checks
	@$(QEMU)/run lint $(if $(T),-t '$(T)')

check: kernel kernel-debug initramfs debian ## everything; ends with N passed, N failed, N skipped
	@$(QEMU)/run all $(if $(T),-t '$(T)')

check-plain: kernel initramfs debian ## the tests that run on the plain kernel
	@$(QEMU)/run plain $(if $(T),-t '$(T)')

check-debug: kernel-debug initramfs debian ## the tests that run on the debug kernel
	@$(QEMU)/run debug $(if $(T),-t '$(T)')

fault: kernel-debug initramfs debian ## every allocation and user copy of round trips fails once
	@$(QEMU)/run fault $(if $(T),-t '$(T)')

campaign: kernel-debug initramfs debian ## feed IMAGES=20000 mutated images to restart(2)
	@$(QEMU)/run campaign -n $(IMAGES) $(if $(T),-t '$(T)')

kills: kernel kernel-debug initramfs debian ## kill the callers of both calls at KILLS=2000 moments
	@$(QEMU)/run kills -n $(KILLS) $(if $(T),-t '$(T)')

storm: kernel kernel-debug initramfs debian ## 32 callers in the midst of storms for SECONDS=60
	@$(QEMU)/run storm -n $(SECONDS) $(if $(T),-t '$(T)')

csan: initramfs debian ## data races by KCSAN, in a storm of SECONDS=60 and some tests
	@devtools/kernel kernel-csan $(CSAN) $(FRAGMENTS)
	@$(QEMU)/run csan -n $(SECONDS) $(if $(T),-t '$(T)')

lockstat: initramfs debian ## how long locks are held by both calls, and by fork
	@devtools/kernel kernel-lockstat $(LOCKSTAT) $(FRAGMENTS)
	@$(QEMU)/run locks

soak: $(if $(filter debug,$(SOAK_KERNEL)),kernel-debug,kernel) initramfs debian ## CYCLES=5000 restarts and GENERATIONS=200 of a restart of a restart
	@$(QEMU)/run soak -n $(CYCLES) -g $(GENERATIONS) -k $(SOAK_KERNEL)

coverage: initramfs debian ## which lines of checkpoint/ do the tests run? build/coverage
	@devtools/kernel kernel-coverage $(COVERAGE) $(FRAGMENTS)
	@$(QEMU)/run coverage $(if $(T),-t '$(T)')

check-off: kernel ## CONFIG_CHECKPOINT=n must cost nothing
	@$(QEMU)/run off

cost: kernel headers initramfs ## what the option costs a kernel that does not use it
	@devtools/deps libcap-dev
	@$(QEMU)/run twin
	@SRC_TREE=$(BUILD)/off/linux devtools/kernel kernel-base $(PLAIN) $(FRAGMENTS)
	@$(QEMU)/run cost $(if $(T),-t '$(T)')

kernel-bench: tree
	@devtools/kernel kernel-bench $(BENCH) $(FRAGMENTS)

bench: $(if $(filter plain,$(BENCH_KERNEL)),kernel,kernel-bench) headers initramfs ## times beside CRIU's and floors: build/bench
	@devtools/deps criu gnuplot-nox
	@$(QEMU)/mkbench $(CRIU)
	@$(QEMU)/run bench -k $(BENCH_KERNEL) $(if $(T),-t '$(T)') $(if $(QUICK),--quick) $(if $(MORE),--more) \
		$(if $(COUNT),--instructions)

fuzz: $(if $(filter debug,$(KERNEL)),kernel-debug,kernel) initramfs ## restart every image that one can be damaged into
	@$(QEMU)/run fuzz -k $(KERNEL) -p $(PART) -b $(BITS)

streams: $(if $(filter debug,$(KERNEL)),kernel-debug,kernel) initramfs ## the image's stream fails at every byte, in both calls
	@$(QEMU)/run streams -k $(KERNEL) -p $(PART)

fuzz-parser: kernel ## the image reader of restart(2) as a program, RUNS=1000000 images
	@devtools/deps clang libclang-rt-14-dev llvm
	@$(ST)/fuzz/run -n $(RUNS)

shell: kernel initramfs debian ## an interactive guest
	@$(QEMU)/shell

demo: kernel initramfs debian ## watch a demonstration in a guest
	@$(QEMU)/demo

clean: ## remove build/ (edits in build/linux too)
	rm -rf $(BUILD)
