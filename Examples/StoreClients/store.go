// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Stores and reads values through any node of a ring, with grpc-go.
//
//	go mod init example.org/store
//	protoc -I Protos --go_out=. --go-grpc_out=. \
//	    --go_opt=Mchord/v1/store.proto=example.org/store/chordv1 \
//	    --go-grpc_opt=Mchord/v1/store.proto=example.org/store/chordv1 \
//	    --go_opt=module=example.org/store --go-grpc_opt=module=example.org/store chord/v1/store.proto
//	cp Examples/StoreClients/store.go . && go mod tidy
//	go run . localhost:7946 certs/generated client-demo
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	chordv1 "example.org/store/chordv1"
)

// deadline is the time for one call. The node tries until shortly before it.
const deadline = 5 * time.Second

// Store is a client that repeats failed calls. A write that it repeats is done once. It makes one call at a time.
type Store struct {
	service chordv1.StoreServiceClient
	client  [16]byte
	number  uint64
}

// Dial connects to any node of a ring.
func Dial(address, folder, name string) (*Store, error) {
	certificate, err := tls.LoadX509KeyPair(
		filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key"))
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("no certificate in %s", filepath.Join(folder, "ca.pem"))
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate},
		RootCAs:      roots,
		MinVersion:   tls.VersionTLS13,
	})))
	if err != nil {
		return nil, err
	}
	store := &Store{service: chordv1.NewStoreServiceClient(connection)}
	if _, err := rand.Read(store.client[:]); err != nil {
		return nil, err
	}
	return store, nil
}

// errInDoubt marks a failed write that may have been done nevertheless: read before you write again.
var errInDoubt = errors.New("the write may have been done")

// repeat makes a call. It repeats calls that met no leader or lost their connection. An error is marked with
// errInDoubt if a write may have been done.
func repeat[Reply any](call func(context.Context, ...grpc.CallOption) (Reply, error)) (Reply, error) {
	for attempt := 1; ; attempt++ {
		var trailer metadata.MD
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		reply, err := call(ctx, grpc.Trailer(&trailer))
		cancel()
		code := status.Code(err)
		if err == nil || attempt == 3 || code != codes.Unavailable && code != codes.DeadlineExceeded {
			// A node names this reason. The gRPC library alone cannot know what became of a call that it lost.
			inDoubt := code == codes.Unavailable || code == codes.DeadlineExceeded
			for _, reason := range trailer.Get("chord-reason") {
				inDoubt = inDoubt || reason == "may-have-happened"
			}
			if err != nil && inDoubt {
				err = errors.Join(err, errInDoubt)
			}
			return reply, err
		}
	}
}

// Get reads a key of a partition; without one the key is a partition of its own.
func (s *Store) Get(partition, key []byte) (*chordv1.GetReply, error) {
	return repeat(func(ctx context.Context, options ...grpc.CallOption) (*chordv1.GetReply, error) {
		return s.service.Get(ctx, &chordv1.GetRequest{Partition: partition, Keys: [][]byte{key}}, options...)
	})
}

// Put stores a value. A condition that does not hold is no error: the reply says Applied == false.
func (s *Store) Put(partition, key, value []byte, condition *chordv1.WriteCondition) (*chordv1.WriteReply, error) {
	place := partition
	if len(place) == 0 {
		place = key
	}
	// The time of the key's range, by which the range recognises a write that comes too late.
	read, err := s.Get(place, nil)
	if err != nil {
		return nil, fmt.Errorf("nothing was written: %v", err)
	}
	s.number++
	request := &chordv1.PutRequest{
		Id: &chordv1.WriteId{
			Client: s.client[:],
			Number: s.number,
			// This client waits for each answer, so none of its earlier writes is unanswered.
			LowestUnanswered: s.number,
			PreparedMs:       read.Answer.TimeMs,
		},
		Partition: partition,
		Key:       key,
		Value:     value,
		Condition: condition,
	}
	return repeat(func(ctx context.Context, options ...grpc.CallOption) (*chordv1.WriteReply, error) {
		return s.service.Put(ctx, request, options...)
	})
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: store HOST:PORT CERTIFICATES NAME")
	}
	store, err := Dial(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	written, err := store.Put(nil, []byte("greeting"), []byte("hello"), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("stored greeting at version", written.Answer.Version)
	read, err := store.Get(nil, []byte("greeting"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("read %s\n", read.Values[0].Value)
	absent := &chordv1.WriteCondition{Condition: &chordv1.WriteCondition_Absent{Absent: true}}
	again, err := store.Put(nil, []byte("greeting"), []byte("too late"), absent)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("refused:", !again.Applied)
}
