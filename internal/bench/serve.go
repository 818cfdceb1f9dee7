package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/leaderboard"
	"github.com/musterhq/muster/store"
)

// Addresses are where the server under test answers, one line of JSON on its
// standard output.
type Addresses struct {
	API   string `json:"api"`   // the server, as anybody would see it
	Parts string `json:"parts"` // its parts by themselves, for the parent alone
}

// Serve runs the server under test until ctx or in ends: in is a pipe that
// the parent holds, so that a parent that is killed leaves nobody behind. Both
// listeners are on the loopback address.
func Serve(ctx context.Context, a *app.App, campaignID string, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	public, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer public.Close()
	private, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer private.Close()
	p := &parts{people: a.People, boards: a.Boards, campaigns: a.Campaigns, store: a.Store(), redis: a.Redis(), campaign: campaignID}
	p.plain = leaderboard.New(leaderboard.Parts{
		Redis: p.redis, Store: p.store, Campaigns: p.campaigns, Names: bare{}, Rules: uncounted, Clock: clock.System{}, Log: slog.Default(),
	})
	server := p.server()
	var group errgroup.Group
	group.Go(func() error {
		defer stop()
		return a.Serve(ctx, public, app.ServeOptions{})
	})
	group.Go(func() error {
		defer stop()
		return server.Listener(private)
	})
	go func() {
		_, _ = io.Copy(io.Discard, in) // until the parent lets go
		stop()
	}()
	if err := json.NewEncoder(out).Encode(Addresses{public.Addr().String(), private.Addr().String()}); err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(server.Shutdown(), group.Wait())
}

// parts runs what a request is made of, piece by piece.
type parts struct {
	people    *people.Service
	boards    *leaderboard.Boards
	plain     *leaderboard.Boards // the same ones, read without the names of people
	campaigns *campaign.Service
	store     store.Engine
	redis     redis.UniversalClient
	campaign  string
	targets   sync.Map // campaign -> *target
}

func (p *parts) server() *fiber.App {
	server := fiber.New(fiber.Config{DisableStartupMessage: true, Immutable: true, BodyLimit: 1 << 20, ReadBufferSize: 16 << 10,
		WriteTimeout: time.Hour, ErrorHandler: func(c *fiber.Ctx, err error) error {
			return c.Status(fiber.StatusInternalServerError).SendString(err.Error())
		}})
	server.Post("/empty", p.empty)
	server.Get("/usage", usage)
	server.Get("/profile", profile)
	for name, part := range map[string]func(context.Context, ask) (answer, error){
		"insert": p.insert, "script": p.script,
		"fill": p.fill, "neighbours": p.neighbours, "target": p.target, "around": p.around, "raw": p.raw,
	} {
		server.Post("/"+name, func(c *fiber.Ctx) error {
			var in ask
			if err := c.BodyParser(&in); err != nil {
				return err
			}
			out, err := part(context.Background(), in)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return c.JSON(out)
		})
	}
	return server
}

// ask says what to run; a part reads what it needs.
type ask struct {
	Seconds  float64 `json:"seconds"`  // how long to run
	Together int     `json:"together"` // documents or lines in one call, or callers at once

	Campaign string   `json:"campaign"` // whose boards
	Members  int      `json:"members"`  // the size of the crowd
	From     int      `json:"from"`     // the first of the crowd that is meant
	Count    int      `json:"count"`    // and how many
	Sums     []int64  `json:"sums"`     // of people who stand beside the crowd
	Accounts []string `json:"accounts"`
}

// answer is what it found.
type answer struct {
	Rate  float64 `json:"rate"` // a second
	CPU   float64 `json:"cpu"`  // seconds of this process for each
	Calls int     `json:"calls"`
}

// emptyAnswer is as long as the answer to one action.
var emptyAnswer = strings.Repeat("x", 230)

// empty is a handler that checks the token and does nothing else: what HTTP and
// identity cost by themselves.
func (p *parts) empty(c *fiber.Ctx) error {
	if _, err := p.people.Authenticate(c.UserContext(), strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")); err != nil {
		return err
	}
	return c.SendString(emptyAnswer)
}

func usage(c *fiber.Ctx) error { return c.JSON(answer{CPU: cpu().Seconds()}) }

// profile answers a CPU profile of the next seconds, for go tool pprof.
func profile(c *fiber.Ctx) error {
	var body bytes.Buffer
	if err := pprof.StartCPUProfile(&body); err != nil {
		return err
	}
	time.Sleep(time.Duration(c.QueryFloat("seconds") * float64(time.Second)))
	pprof.StopCPUProfile()
	return c.Send(body.Bytes())
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// timed runs once until the time is up. once answers how many it did.
func timed(ctx context.Context, seconds float64, once func(ctx context.Context) (int, error)) (answer, error) {
	start, before, done := time.Now(), cpu(), 0 //nolint:forbidigo // durations on the monotonic clock
	for time.Since(start).Seconds() < seconds {
		n, err := once(ctx)
		if err != nil {
			return answer{}, err
		}
		done += n
	}
	return answer{Rate: float64(done) / time.Since(start).Seconds(), CPU: (cpu() - before).Seconds() / float64(max(done, 1)), Calls: done}, nil
}
