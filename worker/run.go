package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"milvusdm/internal/fault"
	"milvusdm/internal/version"
	"milvusdm/workflows"
)

// settings are the command line's.
type settings struct {
	taskQueue   string
	host        string
	reports     string
	metrics     string
	activities  int
	stopTimeout time.Duration
	memory      int64
	logLevel    slog.Level
	logJSON     bool
	allowed     policy
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, fault.New(fault.Internal, "host name: %w", err)
	}
	f := flag.NewFlagSet("milvusdm-worker", flag.ContinueOnError)
	f.StringVar(&s.taskQueue, "task-queue", workflows.TaskQueue, "Temporal task queue to listen on")
	f.StringVar(&s.host, "host", hostname, "name that jobs give in source.*.host to have this machine's files read")
	f.StringVar(&s.reports, "reports", filepath.Join(".milvusdm", "reports"), "directory of the jobs' report.json files")
	f.StringVar(&s.metrics, "metrics", "", "address to serve Prometheus metrics on, such as 127.0.0.1:9464 (default: none)")
	f.IntVar(&s.activities, "activities", 8, "how many activities that read or write rows run at once; each holds some batches in memory")
	f.DurationVar(&s.stopTimeout, "stop-timeout", time.Minute, "how long to wait on SIGTERM for writes under way; should be longer than a job's write_timeout")
	f.Int64Var(&s.memory, "memory-limit-mib", 192, "soft limit of the Go heap in MiB; 0 sets none")
	f.TextVar(&s.logLevel, "log-level", slog.LevelInfo, "DEBUG, INFO, WARN or ERROR")
	f.BoolVar(&s.logJSON, "log-json", false, "log as JSON")
	s.allowed.flags(f)
	showVersion := f.Bool("version", false, "print the version and exit")
	if err := f.Parse(args); err != nil {
		if err == flag.ErrHelp {
			os.Exit(fault.ExitOK)
		}
		return nil, fault.New(fault.Config, "%w", err)
	}
	if *showVersion {
		fmt.Println("milvusdm-worker", version.Version)
		os.Exit(fault.ExitOK)
	}
	if f.NArg() > 0 {
		return nil, fault.New(fault.Config, "unexpected argument %q", f.Arg(0))
	}
	s.reports, err = filepath.Abs(s.reports)
	return s, err
}

func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	if s.memory > 0 {
		debug.SetMemoryLimit(s.memory << 20)
	}
	logger := newLogger(s)
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return fault.New(fault.Config, "Temporal settings: %w", err)
	}
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	options.Logger = log.NewStructuredLogger(logger)
	options.DataConverter = workflows.Payloads(options.DataConverter)
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(countAttempts))
	if s.metrics != "" {
		handler, stop, err := serveMetrics(s.metrics, logger)
		if err != nil {
			return err
		}
		defer stop()
		options.MetricsHandler = handler
	}
	c, err := dial(ctx, options, logger)
	if err != nil {
		return err
	}
	defer c.Close()

	stopWorkers, err := startWorkers(c, s)
	if err != nil {
		return err
	}
	defer stopWorkers()
	logger.Info("worker started", "version", version.Version, "taskQueue", s.taskQueue, "host", s.host, "namespace", cmp.Or(options.Namespace, client.DefaultNamespace), "temporal", options.HostPort)

	interrupted, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-interrupted.Done()
	logger.Info("stopping: nothing new is sent, writes under way are waited for", "timeout", s.stopTimeout)
	return nil
}

// dial waits for a Temporal that is not up yet: a worker is started with its machine, and restarted by nobody.
func dial(ctx context.Context, options client.Options, logger *slog.Logger) (client.Client, error) {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		c, err := client.DialContext(ctx, options)
		if err == nil {
			return c, nil
		}
		if time.Now().After(deadline) {
			return nil, fault.New(fault.Unavailable, "Temporal at %s does not answer (set TEMPORAL_ADDRESS): %w", options.HostPort, err)
		}
		logger.Warn("waiting for Temporal", "address", options.HostPort, "error", err)
		time.Sleep(2 * time.Second)
	}
}

func newLogger(s *settings) *slog.Logger {
	o := &slog.HandlerOptions{Level: s.logLevel}
	if s.logJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
