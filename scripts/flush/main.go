// flush makes a Milvus server write down what it holds in memory only: every collection of every database.
//
//	flush ADDRESS
//
// It ends within a little more than a minute, whatever the server does. What it could not flush it names, and exits
// with 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const (
	listTimeout  = 5 * time.Second // for each list; a server that hangs does not answer it
	flushTimeout = time.Minute     // for all collections together
	atOnce       = 16              // collections; most of a flush is waiting
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: flush ADDRESS")
		os.Exit(2)
	}
	if err := flushAll(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// flushAll flushes every collection; its error has a line for each that may not be flushed.
func flushAll(ctx context.Context, address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	milvus := milvuspb.NewMilvusServiceClient(conn)
	databases, err := listDatabases(ctx, milvus)
	if err != nil {
		return fmt.Errorf("list databases: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var group sync.WaitGroup
	var mutex sync.Mutex
	var failed []error
	fail := func(err error) {
		mutex.Lock()
		defer mutex.Unlock()
		failed = append(failed, err)
	}
	slots := make(chan struct{}, atOnce)
	for _, database := range databases {
		names, err := listCollections(ctx, milvus, database)
		if err != nil {
			fail(fmt.Errorf("list collections of database %s: %w", database, err))
		}
		for _, name := range names {
			group.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if err := flush(ctx, milvus, database, name); err != nil {
					fail(fmt.Errorf("flush %s.%s: %w", database, name, err))
				}
			})
		}
	}
	group.Wait()
	return errors.Join(failed...)
}

func listDatabases(ctx context.Context, milvus milvuspb.MilvusServiceClient) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	answer, err := milvus.ListDatabases(ctx, &milvuspb.ListDatabasesRequest{})
	return answer.GetDbNames(), check(answer.GetStatus(), err)
}

func listCollections(ctx context.Context, milvus milvuspb.MilvusServiceClient, database string) ([]string, error) {
	ctx, cancel := context.WithTimeout(within(ctx, database), listTimeout)
	defer cancel()
	answer, err := milvus.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{DbName: database})
	return answer.GetCollectionNames(), check(answer.GetStatus(), err)
}

// flush seals what was written into a collection and waits until it is in storage.
func flush(ctx context.Context, milvus milvuspb.MilvusServiceClient, database, name string) error {
	ctx = within(ctx, database)
	flushed, err := milvus.Flush(ctx, &milvuspb.FlushRequest{DbName: database, CollectionNames: []string{name}})
	if err := check(flushed.GetStatus(), err); err != nil {
		return err
	}
	for {
		state, err := milvus.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{DbName: database, CollectionName: name,
			SegmentIDs: flushed.GetCollSegIDs()[name].GetData(), FlushTs: flushed.GetCollFlushTs()[name]})
		if err := check(state.GetStatus(), err); err != nil || state.GetFlushed() {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not finished within %v", flushTimeout)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// within names the database as clients do beside the request: not every server reads it there.
func within(ctx context.Context, database string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "dbname", database)
}

// check returns the error of a call, or that of the status which answered it.
func check(status *commonpb.Status, err error) error {
	if err == nil && (status.GetCode() != 0 || status.GetErrorCode() != commonpb.ErrorCode_Success) {
		return errors.New(status.GetReason())
	}
	return err
}
