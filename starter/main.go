// Command milvusdm starts jobs, follows them and steers them. The work is done by milvusdm-worker.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"milvusdm/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Process()))
}
