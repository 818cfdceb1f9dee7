// Command muster is the whole product: the server, the demo, and the tools an
// operator needs. Every command is one file beside this one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // the binary must know time zones where the machine has none

	"github.com/alecthomas/kong"
)

// version is set by the release build with -ldflags.
var version = "dev"

// Exit codes, the same for every command.
const (
	exitOK     = 0
	exitFailed = 1 // the work was done or tried, and the answer is no
	exitUsage  = 2 // a wrong flag or value, a busy port, a folder in use: nothing was done
)

// usageError is a failure that the person at the keyboard mends by calling
// differently; it exits with exitUsage.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// streams are the three files a command talks through, so that tests can.
type streams struct {
	in       *os.File
	out, err io.Writer
}

// cli is the command line. Each field's comment is its help.
type cli struct {
	LogLevel  string `help:"How much to log to stderr: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"MUSTER_LOG_LEVEL"`
	LogFormat string `help:"How to log: text for people, json for machines." enum:"text,json" default:"text" env:"MUSTER_LOG_FORMAT"`

	Serve    serveCmd    `cmd:"" help:"Run the server. The first run needs --campaign, --name and --admin-email, or asks on a terminal."`
	Demo     demoCmd     `cmd:"" help:"Run a whole campaign in Liguria on this machine and show what happens."`
	Campaign campaignCmd `cmd:"" help:"Work with campaigns."`
	Import   importCmd   `cmd:"" help:"Bring data in from files."`
	Backup   backupCmd   `cmd:"" help:"Copy a data folder into one file while the server goes on."`
	Restore  restoreCmd  `cmd:"" help:"Make a data folder of a backup."`
	Export   exportCmd   `cmd:"" help:"Write every document into one file, to move to another store."`
	Migrate  migrateCmd  `cmd:"" help:"Make the collections and indexes of the store; MongoDB needs it before the first server, and after an update."`
	Verify   verifyCmd   `cmd:"" help:"Check that what is shown equals what was recorded."`
	Rebuild  rebuildCmd  `cmd:"" help:"Make projections anew from the ledger."`
	Token    tokenCmd    `cmd:"" help:"Make a token for a wall screen, a load test or support."`
	Bench    benchCmd    `cmd:"" help:"Measure this machine and this build, beside the limits of its parts."`
	Keys     keysCmd     `cmd:"" help:"List and change the keys that sign tokens."`
	Simulate simulateCmd `cmd:"" help:"Play seasons ahead of time: what two rule sets, or two guesses of how people behave, would come to."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

func main() {
	os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

func run(args []string, std streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	var flags cli
	exit := -1 // --help and --version end the parse with a code of their own
	parser, err := kong.New(&flags,
		kong.Name("muster"),
		kong.Description("The backend of a campaign's mobile app: sign-ups, tasks, boards, live feeds and briefings in one binary."),
		kong.Vars{"version": version},
		simulateHelp(),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(std.err, "muster:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(std.err, "muster: %s. See muster --help.\n", oneLine(err))
		return exitUsage
	}
	err = command.Run(&environment{ctx: ctx, streams: std, log: flags.logger(std.err)})
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintf(std.err, "muster: %s\n", oneLine(err))
		return exitUsage
	case errors.Is(err, errFailed):
		return exitFailed
	default:
		fmt.Fprintf(std.err, "muster: %s\n", oneLine(err))
		return exitFailed
	}
}

// errFailed is a failure that has already been told, in the command's report.
var errFailed = errors.New("failed")

// environment is what every command is given.
type environment struct {
	ctx context.Context
	streams
	log *slog.Logger
}

func (c *cli) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // kong has held it to the enum
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
