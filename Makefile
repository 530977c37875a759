# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Two builds at once would only wait for each other.
.NOTPARALLEL:
.DELETE_ON_ERROR:

SWIFT ?= swift
SWIFT_FLAGS ?=
DOCC ?= docc
# Paths of sources in the program begin with "." instead of the folder. The debugger reads C types from their headers
# and not from the build's cache of C modules: the names of the cache's files depend on the folder.
# scripts/pinned-packages.json gives the versions of packages.
PINS := scripts/pinned-packages.json
MAPPED = --force-resolved-versions -Xswiftc -file-prefix-map -Xswiftc "$(CURDIR)=." \
    -Xcc "-ffile-prefix-map=$(CURDIR)=." -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs
# make release VERIFIABLE=1: two builds of one commit are equal to the last byte, whatever their folder is. Otherwise
# they differ in one section, .swift_modhash, and in the build ID: the compiler hashes each object with its path, so
# that the next build can skip objects that did not change. The debug information of macros names the temporary folder.
VERIFIABLE ?= 0
ifeq ($(VERIFIABLE),1)
MAPPED += -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen
TEMPORARY = env TMPDIR=/tmp
endif
# The Swift runtime is linked statically: the program needs no installed Swift and starts faster.
RELEASE_OF = { cmp -s $(PINS) Package.resolved || cp $(PINS) Package.resolved; } && \
    $(TEMPORARY) $(SWIFT) build -c release --product $(1) \
    $(if $(filter Linux,$(shell uname -s)),--static-swift-stdlib) $(MAPPED) $(SWIFT_FLAGS)
RELEASE = $(call RELEASE_OF,chord)
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= python3
# make test FILTER=ChordTLSTests runs only matching tests.
FILTER ?=
# make simulate SEEDS=100000 LEVEL=machine; FIRST is the first seed.
SEEDS ?= 10000
FIRST ?= 1
LEVEL ?= node
# make chaos SECONDS=900 CHAOS="--seed 7 --nodes 12". A shell's own SECONDS does not count.
CHAOS ?=
CHAOS_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),120)
# make rotate SECONDS=1200 ROTATE=--hangup; make soak HOURS=8 SOAK="--json soak.json".
ROTATE ?=
ROTATE_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),180)
SOAK ?=
HOURS ?= 0.2
# make fuzz SECONDS=600 TARGET="wire http2"; without TARGET all targets.
FUZZ_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
TARGET ?=
# make interop SCENARIOS="two hostile-peers" TIMES=10; without SCENARIOS all of them.
SCENARIOS ?=
TIMES ?= 1
# make stand-in NAME=c1 LISTEN=127.0.0.1:9000 JOIN=127.0.0.1:7946
LISTEN ?= 127.0.0.1:9000
JOIN ?=
# make bench-rpc BENCH=ours,openssl,nghttpd skips grpc-swift and its build; JSON=FILE saves every figure.
BENCH ?= ours,openssl,nghttpd,grpc-swift
ROUNDS ?= 5
JSON ?=
# make test TEST_RELEASE=1: process tests use the release build of chord.
TEST_RELEASE ?= 0
# Tests that run in parallel. With many more tests than cores, computing tests would delay network tests
# beyond their deadlines.
TEST_WIDTH ?= 4
# Port of the demo in make test-docs: differs from that of a running demo.
DEMO_PORT ?= 27946

# Settings of scripts/certs, passed through the environment. NAME, COUNT, MINUTES and RENEW count only if
# given to make, because environments often define them.
ifneq ($(origin NAME),command line)
NAME :=
endif
ifneq ($(origin COUNT),command line)
COUNT :=
endif
ifneq ($(origin MINUTES),command line)
MINUTES :=
endif
ifneq ($(origin RENEW),command line)
RENEW :=
endif
export CERTS_DIR TRUST_DOMAIN NODES COUNT HOSTS DAYS MINUTES CA_DAYS CRL_DAYS NOT_BEFORE NOT_AFTER RENEW FORCE NAME

# make would ignore a misspelt setting and create a useless certificate.
CERTS_GOALS := certs ca crl node-cert client-cert admin-cert host-cert renew-certs revoke new-ca retire-ca \
    certs-verify certs-clean
mistaken = $(if $(filter command line,$(origin $(1))),$(error $(1)= is no setting of this target; did you mean $(2)=?))
ifneq ($(filter $(CERTS_GOALS),$(MAKECMDGOALS)),)
$(call mistaken,HOST,HOSTS)
$(call mistaken,NODE,NAME)
$(call mistaken,NAMES,NODES)
$(call mistaken,DAY,DAYS)
$(call mistaken,MINUTE,MINUTES)
$(call mistaken,DUE,RENEW)
$(call mistaken,DOMAIN,TRUST_DOMAIN)
$(call mistaken,CERT_DIR,CERTS_DIR)
$(call mistaken,DIR,CERTS_DIR)
endif

FORMATTED := $(wildcard Sources Tests Package.swift Benchmarks Examples)
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
demo-stop: ## stop the demo's ring
	@scripts/demo stop

.PHONY: install
install: ## install chord in PREFIX (/usr/local); DESTDIR for packagers
	@[ -x .build/release/chord ] || $(MAKE) --no-print-directory release
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -s -m 755 .build/release/chord "$(DESTDIR)$(PREFIX)/bin/chord"

##@ Build and test

.PHONY: deps
deps: ## install missing system libraries
	@scripts/deps

.PHONY: build
build: deps ## debug build of everything
	$(SWIFT) build $(SWIFT_FLAGS)

# In a folder of its own: a build without a trait would replace all that was built with it.
.PHONY: without-sqlite
without-sqlite: deps ## build the library without SQLite: nodes keep their part of a store in memory
	$(SWIFT) build --target Chord --disable-default-traits --scratch-path .build/without-sqlite $(SWIFT_FLAGS)

.PHONY: release
release: deps ## release build of the chord command; equal in every folder: VERIFIABLE=1
	$(RELEASE)

.PHONY: sbom
sbom: release ## bill of materials of the release build, as CycloneDX JSON: .build/sbom.cdx.json
	@scripts/deps sbom
	@SWIFT="$(SWIFT)" scripts/sbom
	@scripts/sbom --check

# make release-check COMMIT=v0.1.0
COMMIT ?= HEAD
.PHONY: release-check
release-check: deps ## build a commit twice in different folders and compare the programs: COMMIT=HEAD
	@scripts/deps sbom
	scripts/release-check $(COMMIT)

TEST_CERTIFICATES = mkdir -p .build && env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER \
    CERTS_DIR="$(TEST_CERTS)" FORCE=1 scripts/certs set >/dev/null
TEST_SETTINGS = CHORD_TEST_CERTS_DIR="$(TEST_CERTS)" CHORD_TEST_PYTHON="$(CURDIR)/$(VENV)/bin/python3" \
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(TEST_WIDTH)
# Saves the output of tests in a file, and lists the failures at the end.
KEPT = 2>&1 | tee .build/$(1).log || { echo "--- failures (complete output in .build/$(1).log)"; \
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

# Separate builds. Any report of a sanitizer fails the run. Under a sanitizer a test takes up to ten times as long: with
# more than one of them on a core, calls with a real deadline fail.
test-tsan test-asan: TEST_WIDTH := $(shell nproc)
define SANITIZED_TESTS
	@$(TEST_CERTIFICATES)
	$(SWIFT) build --build-tests --sanitize=$(1) --scratch-path .build/$(2) $(SWIFT_FLAGS)
	$(TEST_SETTINGS) SWIFT_BACKTRACE=enable=no $(3) \
	    $(SWIFT) test --skip-build --sanitize=$(1) --scratch-path .build/$(2) $(SWIFT_FLAGS) \
	    $(if $(FILTER),--filter "$(FILTER)",$(4)) $(call KEPT,$(2))
endef

# Without the rings of stores on disks: each of their nodes fills and checks 60 MiB of new files, which takes minutes
# under the sanitizer. The store's other tests use the same threads.
.PHONY: test-tsan
test-tsan: export CHORD_NETWORK_TESTS := 1
test-tsan: deps-test $(VENV)/.ready ## the network tests under the thread sanitizer
	$(call SANITIZED_TESTS,thread,tsan,TSAN_OPTIONS="halt_on_error=0 suppressions=$(CURDIR)/Tests/thread-sanitizer.supp",--skip StoreRingTests)

.PHONY: test-asan
test-asan: deps-test $(VENV)/.ready ## all tests under the address sanitizer
	$(call SANITIZED_TESTS,address,asan,ASAN_OPTIONS=detect_leaks=0,)

# Each document runs in its own new checkout. The built program is already where `make release` puts it,
# so the build at the start of the README has nothing to do.
DOCUMENTS ?= README.md certs/README.md docs/interop.md docs/recovery.md docs/certificates.md
.PHONY: test-docs
test-docs: deps-test $(VENV)/.ready ## run the commands in README.md and in documents: DOCUMENTS=docs/recovery.md
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
	    "scripts/wire --self-test" "scripts/wire check" \
	    "scripts/tidy --self-test" scripts/tidy "scripts/sbom --self-test" \
	    "scripts/release-check --self-test" "scripts/mutants --check" "scripts/run-document --self-test"; do \
	    echo "$$check"; \
	    $$check || failed=1; \
	done; \
	exit $$failed

.PHONY: docs
docs: deps ## the library's documentation as a web site in .build/docs; warnings fail
	$(SWIFT) build --target Chord $(SWIFT_FLAGS)
	scripts/api graph .build/docs-graph
	$(DOCC) convert Sources/Chord/Chord.docc --additional-symbol-graph-dir .build/docs-graph \
	    --output-path .build/docs --fallback-display-name Chord --fallback-bundle-identifier swift-chord.Chord \
	    --warnings-as-errors

.PHONY: api
api: deps ## compare the public API with that of the last release
	$(SWIFT) build --target Chord $(SWIFT_FLAGS)
	scripts/api check

.PHONY: examples
examples: deps ## build the programs in Examples, each a package of its own
	@set -e; for manifest in Examples/*/Package.swift; do \
	    $(SWIFT) build --package-path "$$(dirname "$$manifest")" --scratch-path .build/examples $(SWIFT_FLAGS); \
	done

.PHONY: simulate
simulate: deps ## random rings of whole nodes on all cores: SEEDS=10000 FIRST=1 LEVEL=node
	$(call RELEASE_OF,chord-sim)
	.build/release/chord-sim simulate --level $(LEVEL) --seeds $(SEEDS) --first $(FIRST)

# Progress goes to standard error, the tables go to standard output as Markdown.
.PHONY: experiments
experiments: deps ## repeat the experiments of the Chord papers; plots in docs/experiments
	$(call RELEASE_OF,chord-sim)
	.build/release/chord-sim experiment all --markdown --plot docs/experiments

.PHONY: mutants
mutants: ## add protocol errors one by one; the simulator must detect each
	@scripts/mutants

# Use their own certificates, so settings for others are removed.
.PHONY: chaos
chaos: release $(VENV)/.ready ## faults in a ring of real processes: SECONDS=120
	@scripts/deps chaos || echo "chaos: iptables is missing, so one-way link failures are skipped"
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/chaos/chaos.py --seconds $(CHAOS_SECONDS) $(CHAOS)

.PHONY: chaos-store
chaos-store: release $(VENV)/.ready ## faults in a store of real processes, with a checked history: SECONDS=120
	@scripts/deps chaos || echo "chaos: iptables is missing, so one-way link failures are skipped"
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/chaos/store.py --seconds $(CHAOS_SECONDS) $(CHAOS)

# make upgrade FROM=v0.1.0: the commit with whose program the nodes begin.
FROM ?= HEAD~1

.PHONY: rolling
rolling: release $(VENV)/.ready ## restart all nodes one after the other under load: no call may fail
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/chaos/rolling.py $(CHAOS)

.PHONY: membership
membership: release $(VENV)/.ready ## nodes join and leave a store for good under load: no call may fail
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/chaos/membership.py $(CHAOS)

.PHONY: rotate
rotate: release $(VENV)/.ready ## replace certificates of minutes, and then their authority, under load: SECONDS=180
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/soak/rotation.py --seconds $(ROTATE_SECONDS) $(ROTATE)

.PHONY: soak
soak: release deps-bench $(VENV)/.ready .build/bench/load ## what nodes hold after hours of faults and load: HOURS=0.2
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/soak/soak.py --hours $(HOURS) $(SOAK)

# Two separate scratch paths would build everything twice; this one is that of make test-asan.
.PHONY: soak-leaks
soak-leaks: deps-bench $(VENV)/.ready .build/bench/load ## the same with the address sanitizer's detector of leaks: HOURS=0.2
	$(SWIFT) build --product chord --sanitize=address --scratch-path .build/asan $(SWIFT_FLAGS)
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/soak/soak.py --hours $(HOURS) --leaks --binary .build/asan/debug/chord $(SOAK)

.PHONY: upgrade
upgrade: release $(VENV)/.ready ## upgrade all nodes one after the other under load: FROM=HEAD~1
	scripts/build-commit $(FROM) .build/upgrade
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/chaos/rolling.py --rounds 1 --previous .build/upgrade/chord $(CHAOS)

# Uses its own certificates, as above.
.PHONY: interop
interop: release $(VENV)/.ready ## all tests of mixed rings with another implementation: SCENARIOS="two check" TIMES=10
	PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/python3 Tests/Interop/concord/mixed.py --chord .build/release/chord --keys 10000 \
	    --all-orders --times $(TIMES) $(SCENARIOS)

# For docs/interop.md: one such node in a terminal, until Ctrl-C.
.PHONY: stand-in
stand-in: $(VENV)/.ready ## a stand-in for a Concord node, in Python: NAME=c1 LISTEN=127.0.0.1:9000 JOIN=host:port
	@[ -n "$$NAME" ] || { echo "stand-in: whose certificate? NAME=c1 for host-c1.pem" >&2; exit 2; }
	@PYTHONDONTWRITEBYTECODE=1 exec $(VENV)/bin/python3 Tests/Interop/concord/node.py --name "$$NAME" \
	    --listen "$(LISTEN)" --certs-dir "$${CERTS_DIR:-certs/generated}" $(if $(JOIN),--join "$(JOIN)")

.PHONY: bench-rpc
bench-rpc: release deps-bench $(VENV)/.ready .build/bench/load .build/bench/bare ## cost of a call, compared with other servers: BENCH=ours,nghttpd ROUNDS=5
ifneq ($(findstring grpc-swift,$(BENCH)),)
	@echo "building grpc-swift takes minutes the first time; BENCH=ours,nghttpd skips it"
	$(SWIFT) build -c release --package-path Benchmarks/rpc/grpc-swift --scratch-path .build/bench/grpc-swift
endif
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/rpc/bench.py --servers $(BENCH) --rounds $(ROUNDS) $(if $(JSON),--json "$(JSON)")

.PHONY: bench-store
bench-store: release deps-bench $(VENV)/.ready .build/bench/load ## puts and gets of a store on three nodes, beside etcd: STORES=chord
	$(if $(findstring etcd,$(or $(STORES),etcd)),@scripts/deps etcd)
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/store/bench.py $(if $(STORES),--stores $(STORES))

.PHONY: bench-handover
bench-handover: release $(VENV)/.ready ## how fast a node that joins a store gets its data
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/store/handover.py

# BASELINE=write accepts the present counts; AGAINST=FILE compares with another chord.
.PHONY: bench-check
bench-check: release deps-bench $(VENV)/.ready .build/bench/load ## instructions per call, compared with the committed baseline
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/rpc/check.py $(if $(filter write,$(BASELINE)),--write) \
	    $(if $(AGAINST),--against "$(AGAINST)")

.PHONY: bench-ring
bench-ring: release $(VENV)/.ready ## rings of processes, measured from outside
	$(VENV)/bin/python3 Benchmarks/ring/measure.py

# BASE=path/to/another/chord measures that one in turns with this build.
.PHONY: bench-lookups
bench-lookups: release deps-bench $(VENV)/.ready .build/bench/load ## lookups in a ring of ten processes: BASE=path/to/another/chord
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/ring/lookups.py $(if $(BASE),--base "$(BASE)")

.PHONY: bench-burst
bench-burst: release deps-bench $(VENV)/.ready .build/bench/load ## what a burst of handshakes leaves to calls: BASE=path/to/another/chord
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/rpc/burst.py $(if $(BASE),--base "$(BASE)")

RANGES ?= 2000
.PHONY: bench-restart
bench-restart: release $(VENV)/.ready ## seven nodes with thousands of ranges, all killed at once and started again: RANGES=500
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/store/restart.py --ranges $(RANGES)

# make shares NODES=50 RINGS=3
.PHONY: shares
shares: release $(VENV)/.ready ## shares of the circle in rings of processes, beside a model: NODES=50 RINGS=3
	env -u HOSTS -u DAYS -u NODES -u TRUST_DOMAIN -u NOT_BEFORE -u NOT_AFTER -u FORCE \
	    $(VENV)/bin/python3 Benchmarks/ring/shares.py \
	    --nodes $(if $(filter command line,$(origin NODES)),$(NODES),50) \
	    --rings $(if $(filter command line,$(origin RINGS)),$(RINGS),3)

.PHONY: attack
attack: release deps-bench $(VENV)/.ready .build/bench/load ## attack a ring while a client calls it: ATTACKS= SECONDS=1
	$(VENV)/bin/python3 Benchmarks/attack/attack.py $(if $(filter command line,$(origin ATTACKS)),$(ATTACKS)) \
	    --seconds $(if $(filter command line,$(origin SECONDS)),$(SECONDS),1)

.PHONY: fuzz
fuzz: deps ## feed arbitrary bytes to all parsers: SECONDS=60 TARGET=wire
	scripts/fuzz $(FUZZ_SECONDS) $(TARGET)

.PHONY: format
format: ## format all Swift files
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

.PHONY: protos
protos: deps-lint ## generate Sources/CChordProtos from Protos/
	scripts/protos

.PHONY: clean
clean: ## stop the demo and remove build output; keeps certificates
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
node-cert: ## a node certificate: NAME=n8 HOSTS=10.0.0.8,n8.example
	@scripts/certs node "$$NAME"

.PHONY: client-cert
client-cert: ## a client certificate: NAME=alice
	@scripts/certs client "$$NAME"

.PHONY: admin-cert
admin-cert: ## an administrator certificate: NAME=bob
	@scripts/certs admin "$$NAME"

.PHONY: host-cert
host-cert: ## a certificate without SPIFFE name, for another implementation: NAME=c1 HOSTS=10.0.0.9
	@scripts/certs host "$$NAME"

.PHONY: renew-certs
renew-certs: ## issue all certificates again, or NAME=n8 or client-alice; RENEW=due: those that end soon
	@scripts/certs renew "$$NAME"

.PHONY: revoke
revoke: ## revoke NAME=n8, client-alice or admin-bob and renew crl.pem
	@scripts/certs revoke "$$NAME"

.PHONY: crl
crl: ## sign crl.pem again
	@scripts/certs crl

.PHONY: new-ca
new-ca: ## a new authority beside the present one; then renew-certs, then retire-ca
	@scripts/certs new-ca

.PHONY: retire-ca
retire-ca: ## drop the former authority once no certificate needs it
	@scripts/certs retire-ca

.PHONY: certs-verify
certs-verify: ## check every certificate as a peer would
	@scripts/certs verify

.PHONY: certs-clean
certs-clean: ## remove all certificates and the authority: FORCE=1
	@scripts/certs clean

# Used by the targets above.

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

# Created again when the requirements change; a partial environment is not used.
$(VENV)/.ready: Tests/Interop/requirements.txt
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python3 -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
