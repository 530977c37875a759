# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Two builds at once would only wait for one another.
.NOTPARALLEL:
.DELETE_ON_ERROR:

SWIFT ?= swift
SWIFT_FLAGS ?=
# The Swift runtime goes into the program: it runs where no Swift is installed, and starts sooner.
RELEASE_OF = $(SWIFT) build -c release --product $(1) $(if $(filter Linux,$(shell uname -s)),--static-swift-stdlib) \
    $(SWIFT_FLAGS)
RELEASE = $(call RELEASE_OF,chord)
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= python3
# make test FILTER=ChordTLSTests runs what matches only.
FILTER ?=
# make simulate SEEDS=100000 LEVEL=machine; FIRST is where the seeds begin.
SEEDS ?= 10000
FIRST ?= 1
LEVEL ?= node
# make chaos SECONDS=900 CHAOS="--seed 7 --nodes 12". A shell's own SECONDS does not count.
CHAOS ?=
CHAOS_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),120)
# make fuzz SECONDS=600 TARGET="wire http2"; without TARGET each of them.
FUZZ_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
TARGET ?=
# make interop SCENARIOS="two hostile-peers" TIMES=10; without SCENARIOS all of them.
SCENARIOS ?=
TIMES ?= 1
# make stand-in NAME=c1 LISTEN=127.0.0.1:9000 JOIN=127.0.0.1:7946
LISTEN ?= 127.0.0.1:9000
JOIN ?=
# make bench-rpc BENCH=ours,openssl,nghttpd leaves grpc-swift and its build out; JSON=FILE keeps every figure.
BENCH ?= ours,openssl,nghttpd,grpc-swift
ROUNDS ?= 5
JSON ?=
# make test TEST_RELEASE=1 lets the tests of whole processes run the release build of chord.
TEST_RELEASE ?= 0
# Tests that run at the same time. Many more than cores would only let those that compute keep those
# that talk over sockets from meeting their deadlines.
TEST_WIDTH ?= 4
# Where make test-docs lets the demo's ring listen: apart from one that runs already.
DEMO_PORT ?= 27946

# Settings of scripts/certs, handed over through the environment. An environment often has a NAME of
# its own; only one given to make counts.
ifneq ($(origin NAME),command line)
NAME :=
endif
ifneq ($(origin COUNT),command line)
COUNT :=
endif
export CERTS_DIR TRUST_DOMAIN NODES COUNT HOSTS DAYS CA_DAYS CRL_DAYS NOT_BEFORE NOT_AFTER FORCE NAME

# What is typed for a setting and is none would be ignored, and a certificate made that fits nothing.
CERTS_GOALS := certs ca crl node-cert client-cert admin-cert host-cert revoke certs-verify certs-clean
mistaken = $(if $(filter command line,$(origin $(1))),$(error $(1)= is no setting of this target; did you mean $(2)=?))
ifneq ($(filter $(CERTS_GOALS),$(MAKECMDGOALS)),)
$(call mistaken,HOST,HOSTS)
$(call mistaken,NODE,NAME)
$(call mistaken,NAMES,NODES)
$(call mistaken,DAY,DAYS)
$(call mistaken,DOMAIN,TRUST_DOMAIN)
$(call mistaken,CERT_DIR,CERTS_DIR)
$(call mistaken,DIR,CERTS_DIR)
endif

FORMATTED := $(wildcard Sources Tests Package.swift Benchmarks Examples)
# What runs on several threads.
NETWORK_TESTS := ^(ChordTransportTests|ChordTLSTests|ChordRuntimeTests|ChordTests)\.
VENV := .venv
TEST_CERTS := $(CURDIR)/.build/test-certs

##@ Use

.PHONY: help
help: ## show this list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: deps release link ## start seven nodes, look keys up, kill two, look up again
	@NODES= HOSTS= NAME= scripts/certs set
	@scripts/demo start

.PHONY: demo-stop
demo-stop: ## stop the ring that demo left running
	@scripts/demo stop

.PHONY: install
install: ## install chord in PREFIX (/usr/local); DESTDIR for packagers
	@[ -x .build/release/chord ] || $(MAKE) --no-print-directory release
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -s -m 755 .build/release/chord "$(DESTDIR)$(PREFIX)/bin/chord"

##@ Build and test

.PHONY: deps
deps: ## install the system libraries that are missing
	@scripts/deps

.PHONY: build
build: deps ## debug build of everything
	$(SWIFT) build $(SWIFT_FLAGS)

.PHONY: release
release: deps ## release build of the chord command
	$(RELEASE)

TEST_CERTIFICATES = mkdir -p .build && env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER \
    CERTS_DIR="$(TEST_CERTS)" FORCE=1 scripts/certs set >/dev/null
TEST_SETTINGS = CHORD_TEST_CERTS_DIR="$(TEST_CERTS)" CHORD_TEST_PYTHON="$(CURDIR)/$(VENV)/bin/python3" \
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(TEST_WIDTH)
# Keeps what tests print in a file, and says at its end what failed and how.
KEPT = 2>&1 | tee .build/$(1).log || { echo "--- what failed (all of it is in .build/$(1).log)"; \
    awk '/✘/ { print; shown = 1; next } /^↳/ && shown { print; next } { shown = 0 } \
        /Sanitizer:|^error:/' .build/$(1).log | cut -c 1-600; exit 1; }

.PHONY: test
test: deps-test $(VENV)/.ready ## build and run all tests, or FILTER=ChordCoreTests
	@$(TEST_CERTIFICATES)
ifeq ($(TEST_RELEASE),1)
	$(RELEASE)
endif
	$(SWIFT) build --build-tests $(SWIFT_FLAGS)
	$(TEST_SETTINGS) $(if $(filter 1,$(TEST_RELEASE)),CHORD_TEST_BINARY="$(CURDIR)/.build/release/chord") \
	    $(SWIFT) test --skip-build $(SWIFT_FLAGS) $(if $(FILTER),--filter "$(FILTER)") $(call KEPT,test)

# Builds of their own beside the usual one. What a sanitizer reports fails the run.
define SANITIZED_TESTS
	@$(TEST_CERTIFICATES)
	$(SWIFT) build --build-tests --sanitize=$(1) --scratch-path .build/$(2) $(SWIFT_FLAGS)
	$(TEST_SETTINGS) SWIFT_BACKTRACE=enable=no $(3) \
	    $(SWIFT) test --skip-build --sanitize=$(1) --scratch-path .build/$(2) $(SWIFT_FLAGS) \
	    --filter "$(or $(FILTER),$(4))" $(call KEPT,$(2))
endef

.PHONY: test-tsan
test-tsan: deps-test $(VENV)/.ready ## the network tests under the thread sanitizer
	$(call SANITIZED_TESTS,thread,tsan,TSAN_OPTIONS="halt_on_error=0 suppressions=$(CURDIR)/Tests/thread-sanitizer.supp",$(NETWORK_TESTS))

.PHONY: test-asan
test-asan: deps-test $(VENV)/.ready ## all tests under the address sanitizer
	$(call SANITIZED_TESTS,address,asan,ASAN_OPTIONS=detect_leaks=0,.)

# Each document in a folder of its own, as somebody has it who has just cloned. What is built stands where
# `make release` puts it, so that the build that the README begins with has nothing to do.
DOCUMENTS ?= README.md certs/README.md docs/interop.md
.PHONY: test-docs
test-docs: deps-test $(VENV)/.ready ## run README.md, certs/README.md and docs/interop.md as they are written
	$(SWIFT) build --product chord $(SWIFT_FLAGS)
	@for document in $(DOCUMENTS); do \
	    scripts/run-document "$$document" --checkout --free-ports --place .build/debug/chord=.build/release/chord \
	        --place $(VENV)=$(VENV) --path .build/debug --set SWIFT=true --set DEMO_PORT=$(DEMO_PORT) \
	        --finally "scripts/demo stop" $(RUN_DOCUMENT) || exit 1; \
	done

.PHONY: lint
lint: deps-lint ## check format, imports, generated files and house rules
	@failed=0; \
	for check in "$(SWIFT) format lint --strict --recursive --parallel $(FORMATTED)" \
	    "scripts/check-imports --self-test" scripts/check-imports scripts/check-protos \
	    "scripts/tidy --self-test" scripts/tidy "scripts/run-document --self-test"; do \
	    echo "$$check"; \
	    $$check || failed=1; \
	done; \
	exit $$failed

.PHONY: simulate
simulate: deps ## random rings of whole nodes on all cores: SEEDS=10000 FIRST=1 LEVEL=node
	$(call RELEASE_OF,chord-sim)
	.build/release/chord-sim simulate --level $(LEVEL) --seeds $(SEEDS) --first $(FIRST)

# One line of progress per part on standard error; the tables go to standard output as Markdown.
.PHONY: experiments
experiments: deps ## the literature's experiments with our machines; plots in docs/experiments
	$(call RELEASE_OF,chord-sim)
	.build/release/chord-sim experiment all --markdown --plot docs/experiments

.PHONY: mutants
mutants: ## plant protocol errors one by one; the simulator must catch each
	@scripts/mutants

# Certificates of its own: settings for others must not reach them.
.PHONY: chaos
chaos: release $(VENV)/.ready ## break a ring of real processes again and again: SECONDS=120
	@scripts/deps chaos || echo "chaos: iptables is missing, so that links that break one way are left out"
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/chaos/chaos.py --seconds $(CHAOS_SECONDS) $(CHAOS)

# Certificates of its own, as above.
.PHONY: interop
interop: release $(VENV)/.ready ## mixed rings with nodes of another make, in full: SCENARIOS="two check" TIMES=10
	PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/python3 Tests/Interop/concord/mixed.py --chord .build/release/chord --keys 10000 \
	    --all-orders --times $(TIMES) $(SCENARIOS)

# One of them in a terminal, as docs/interop.md has it. It ends with Ctrl-C.
.PHONY: stand-in
stand-in: $(VENV)/.ready ## a node of Concord's contract in Python: NAME=c1 LISTEN=127.0.0.1:9000 JOIN=host:port
	@[ -n "$$NAME" ] || { echo "stand-in: whose certificate? NAME=c1 for host-c1.pem" >&2; exit 2; }
	@PYTHONDONTWRITEBYTECODE=1 exec $(VENV)/bin/python3 Tests/Interop/concord/node.py --name "$$NAME" \
	    --listen "$(LISTEN)" --certs-dir "$${CERTS_DIR:-certs/generated}" $(if $(JOIN),--join "$(JOIN)")

.PHONY: bench-rpc
bench-rpc: release deps-bench $(VENV)/.ready .build/bench/load .build/bench/bare ## what a call costs, beside others: BENCH=ours,nghttpd ROUNDS=5
ifneq ($(findstring grpc-swift,$(BENCH)),)
	@echo "building grpc-swift: minutes the first time; BENCH=ours,nghttpd leaves it out"
	$(SWIFT) build -c release --package-path Benchmarks/rpc/grpc-swift --scratch-path .build/bench/grpc-swift
endif
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/rpc/bench.py --servers $(BENCH) --rounds $(ROUNDS) $(if $(JSON),--json "$(JSON)")

.PHONY: bench-ring
bench-ring: release $(VENV)/.ready ## rings of processes, measured from outside
	$(VENV)/bin/python3 Benchmarks/ring/measure.py

.PHONY: attack
attack: release deps-bench $(VENV)/.ready .build/bench/load ## drive a node to its limits while another client calls it: ROUNDS=3
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/attack/attack.py --rounds $(if $(filter command line,$(origin ROUNDS)),$(ROUNDS),3)

.PHONY: fuzz
fuzz: deps ## feed arbitrary bytes to what reads them: SECONDS=60 TARGET=wire
	scripts/fuzz $(FUZZ_SECONDS) $(TARGET)

.PHONY: format
format: ## put all Swift files into shape
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

.PHONY: protos
protos: deps-lint ## make Sources/CChordProtos anew from Protos/
	scripts/protos

.PHONY: clean
clean: ## stop the demo and remove what was built; certificates stay
	@scripts/demo stop
	@[ ! -d .build ] || $(SWIFT) package clean
	rm -rf .build/test-certs .build/bench .demo $(VENV) chord

##@ Certificates (settings: certs/README.md)

.PHONY: certs
certs: ## authority, NODES="n1 … n7" or COUNT=100, client demo, administrator admin
	@scripts/certs set

.PHONY: ca
ca: ## the authority alone
	@scripts/certs ca

.PHONY: node-cert
node-cert: ## a node's: NAME=n8 HOSTS=10.0.0.8,n8.example
	@scripts/certs node "$$NAME"

.PHONY: client-cert
client-cert: ## a client's: NAME=alice
	@scripts/certs client "$$NAME"

.PHONY: admin-cert
admin-cert: ## an administrator's: NAME=bob
	@scripts/certs admin "$$NAME"

.PHONY: host-cert
host-cert: ## without a SPIFFE name, for nodes of another make: NAME=c1 HOSTS=10.0.0.9
	@scripts/certs host "$$NAME"

.PHONY: revoke
revoke: ## revoke NAME=n8, client-alice or admin-bob and renew crl.pem
	@scripts/certs revoke "$$NAME"

.PHONY: crl
crl: ## sign crl.pem anew
	@scripts/certs crl

.PHONY: certs-verify
certs-verify: ## check every certificate as a peer would
	@scripts/certs verify

.PHONY: certs-clean
certs-clean: ## remove all certificates and the authority: FORCE=1
	@scripts/certs clean

# What follows is for the targets above.

.PHONY: deps-test deps-lint deps-bench link
deps-test:
	@scripts/deps test

deps-bench:
	@scripts/deps test bench

deps-lint:
	@scripts/deps lint

link:
	@ln -sfn .build/release/chord chord

.build/bench/load: $(wildcard Benchmarks/rpc/*.[ch]) | deps-bench
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -Wall -Wextra $(filter %.c,$^) -o $@ $$(pkg-config --cflags --libs openssl libnghttp2)

.build/bench/bare: $(wildcard Benchmarks/rpc/openssl/*.c) | deps-bench
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -Wall -Wextra $^ -o $@ $$(pkg-config --cflags --libs openssl)

# Made anew when the requirements change; half an environment is never taken for a whole one.
$(VENV)/.ready: Tests/Interop/requirements.txt
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python3 -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
