// Command logstow keeps the logs of finished jobs in object storage and gives
// any of them back.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(int(mainStatus()))
}

// mainStatus runs the command line of this process. The first SIGINT or
// SIGTERM asks for a clean stop; from then on signals have their usual effect,
// so that a second one kills.
func mainStatus() exitStatus {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	return a.run(ctx, os.Args[1:])
}
