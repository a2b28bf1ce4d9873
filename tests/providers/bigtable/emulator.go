// Google's emulator of Bigtable (bttest) with one table: what the tests of the adapter run against. Ends with its standard
// input, so that none is left behind.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"os"

	"cloud.google.com/go/bigtable"
	"cloud.google.com/go/bigtable/bttest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	flag.Parse()
	// Bigtable takes 256 MB; gRPC alone 4.
	server, err := bttest.NewServer(*addr, grpc.MaxRecvMsgSize(256<<20), grpc.MaxSendMsgSize(256<<20))
	check(err)
	defer server.Close()
	ctx := context.Background()
	connection, err := grpc.Dial(server.Addr, grpc.WithInsecure())
	check(err)
	admin, err := bigtable.NewAdminClient(ctx, "tests", "emulator", option.WithGRPCConn(connection))
	check(err)
	check(admin.CreateTableFromConf(ctx, &bigtable.TableConf{
		TableID:  "values",
		Families: map[string]bigtable.GCPolicy{"kv": bigtable.MaxVersionsPolicy(1), "other": bigtable.NoGcPolicy()},
	}))
	io.Copy(io.Discard, os.Stdin)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
