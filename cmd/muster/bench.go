package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/bench"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/liguria"
)

type benchCmd struct {
	Actions benchActionsCmd `cmd:"" help:"Measure handing in actions, beside the parts it is made of."`
	Boards  benchBoardsCmd  `cmd:"" help:"Measure reading a big board around somebody, beside the raw commands of Redis."`
	Server  benchServerCmd  `cmd:"" hidden:"" help:"The server under test; the other commands start it."`
}

// benchFlags are those of every benchmark.
type benchFlags struct {
	JSON     bool    `name:"json" help:"Print the rows as one array of JSON."`
	Seconds  float64 `help:"How long each measurement runs." default:"5"`
	RedisURL string  `name:"redis-url" help:"A Redis that serves nobody else. Empty: redis-server is started on a free port." env:"MUSTER_REDIS_URL" placeholder:"URL"`
	Data     string  `help:"Folder for the data while it runs, on the disk to measure; removed at the end. Empty: a temporary folder." placeholder:"DIR"`
}

type benchActionsCmd struct {
	benchFlags  `embed:""`
	Connections int     `help:"Connections at once." default:"64"`
	Batch       []int   `help:"Actions in a request; several sizes are measured one after the other." default:"1,20,200"`
	People      int     `help:"How many people act." default:"1000"`
	Profile     string  `help:"Write CPU profiles of the server to this folder." type:"existingdir" placeholder:"DIR"`
	OpenRate    float64 `help:"Load of the open loop, as a part of what the closed loop reached." default:"0.7"`
}

// Run measures and prints.
func (c *benchActionsCmd) Run(env *environment) error {
	switch {
	case c.Seconds <= 0, c.OpenRate <= 0:
		return usagef("--seconds and --open-rate must be above 0")
	case c.Connections < 1 || c.Connections > 4096:
		return usagef("--connections must be between 1 and 4096")
	case c.People < c.Connections:
		return usagef("--people must be at least --connections: each connection speaks for people of its own")
	}
	if err := bench.CheckBatches(c.Batch); err != nil {
		return usagef("--batch: %v", err)
	}
	return c.measure(env, func(ctx context.Context, at bench.Addresses, r *bench.Redis) ([]bench.Row, error) {
		return bench.Actions(ctx, at, liguria.CampaignID, r, true, bench.ActionsOptions{
			Connections: c.Connections, Batches: c.Batch, Seconds: c.Seconds, People: c.People, OpenRate: c.OpenRate, Profile: c.Profile,
			Step: func(text string) { fmt.Fprintln(env.err, text) },
		})
	}, c.verify)
}

type benchBoardsCmd struct {
	benchFlags  `embed:""`
	Members     int    `help:"Members of the big board. They come through the leaderboard, and take Redis about 1.2 kB each." default:"1000000"`
	Small       int    `help:"Members of the small board that it is held against." default:"10000"`
	People      int    `help:"How many real people stand among the members and read over HTTP." default:"2000"`
	Connections int    `help:"Connections over HTTP." default:"32"`
	Callers     int    `help:"Callers at once inside the server, beside one by itself." default:"32"`
	Profile     string `help:"Write CPU profiles of the server to this folder." type:"existingdir" placeholder:"DIR"`
}

// Run measures and prints.
func (c *benchBoardsCmd) Run(env *environment) error {
	switch {
	case c.Seconds <= 0:
		return usagef("--seconds must be above 0")
	case c.Small < 11 || c.Members < c.Small || c.Members > 10_000_000:
		return usagef("--members must be at most 10000000 and at least --small, which must be at least 11")
	case c.Connections < 1 || c.Connections > 4096, c.Callers < 2 || c.Callers > 4096:
		return usagef("--connections must be between 1 and 4096, --callers between 2 and 4096")
	case c.People < 1 || c.People > 100_000:
		return usagef("--people must be between 1 and 100000")
	}
	bars := newBars(env)
	defer bars.finish()
	progress := bars.progress
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	return c.measure(env, func(ctx context.Context, at bench.Addresses, r *bench.Redis) ([]bench.Row, error) {
		defer bars.finish()
		return bench.Boards(ctx, at, liguria.CampaignID, r, true, bench.BoardsOptions{
			Members: c.Members, Small: c.Small, People: c.People, Connections: c.Connections, Callers: c.Callers,
			Seconds: c.Seconds, Profile: c.Profile, Progress: progress,
			Step: func(text string) {
				bars.finish()
				fmt.Fprintln(env.err, text)
			},
		})
	}, nil)
}

// measure starts Redis and the server under test, has them measured, asks
// afterwards whether that left the boards right (nil: it was asked during the
// run), and prints.
func (f *benchFlags) measure(env *environment, measure func(context.Context, bench.Addresses, *bench.Redis) ([]bench.Row, error), afterwards func(env *environment, redisURL, folder string) error) (err error) {
	r, err := bench.OpenRedis(env.ctx, f.RedisURL)
	if errors.Is(err, bench.ErrNoRedis) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	folder, err := os.MkdirTemp(f.Data, "muster-bench-")
	if err != nil {
		return usageError{err}
	}
	defer os.RemoveAll(folder)
	server, at, err := f.start(env, r.URL, folder)
	if err != nil {
		return err
	}
	rows, err := measure(env.ctx, at, r)
	if err := errors.Join(err, server.end()); err != nil {
		return err
	}
	if afterwards != nil {
		if err := afterwards(env, r.URL, folder); err != nil {
			return err
		}
	}
	if f.JSON {
		return json.NewEncoder(env.out).Encode(rows)
	}
	return bench.WriteTable(env.out, rows)
}

// benchServer is the process under test.
type benchServer struct {
	command *exec.Cmd
	hold    io.Closer // the server ends when this does
}

// start starts the server under test, a process of this binary, and waits for
// its addresses.
func (f *benchFlags) start(env *environment, redisURL, folder string) (*benchServer, bench.Addresses, error) {
	var at bench.Addresses
	self, err := os.Executable()
	if err != nil {
		return nil, at, err
	}
	command := exec.CommandContext(env.ctx, self, "--log-level", "warn", "bench", "server", "--data", folder) //nolint:gosec // this binary
	command.Env = append(os.Environ(), "MUSTER_REDIS_URL="+redisURL)
	command.Stderr = env.err
	hold, err := command.StdinPipe()
	if err != nil {
		return nil, at, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, at, err
	}
	if err := command.Start(); err != nil {
		return nil, at, err
	}
	server := &benchServer{command, hold}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &at)
	}
	if err != nil {
		return nil, at, errors.Join(fmt.Errorf("the server under test did not start: %w", err), server.end())
	}
	return server, at, nil
}

func (s *benchServer) end() error {
	return errors.Join(s.hold.Close(), s.command.Wait())
}

// verify recounts what the run wrote: a fast wrong answer is no figure.
func (f *benchFlags) verify(env *environment, redisURL, folder string) error {
	fmt.Fprintln(env.err, "recount the ledger")
	return (&verifyBoardsCmd{storage: storage{Data: folder, RedisURL: redisURL}, Campaign: liguria.CampaignID}).Run(
		&environment{ctx: env.ctx, log: env.log, streams: streams{in: env.in, out: env.err, err: env.err}})
}

// benchServerCmd is the server under test.
type benchServerCmd struct {
	storage `embed:""`
}

// Run serves until the parent lets go of standard input.
func (c *benchServerCmd) Run(env *environment) error {
	a, err := c.open(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := (demoSystem{a}).PrepareCampaign(env.ctx); err != nil {
		return err
	}
	spare := campaign.Campaign{Name: "Nobody's", TimeZone: liguria.TimeZone}
	spare.ID = bench.SpareCampaign
	if err := a.CreateCampaign(env.ctx, spare, "admin@example.org"); err != nil && errs.CodeOf(err) != "campaign_exists" {
		return err
	}
	if err := bench.Serve(env.ctx, a, liguria.CampaignID, env.in, env.out); err != nil {
		return err
	}
	return a.Close()
}
