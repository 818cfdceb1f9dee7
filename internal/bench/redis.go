package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNoRedis is the answer where there is no Redis to measure with.
var ErrNoRedis = errors.New("redis-server is not installed: apt-get install redis-server, or set MUSTER_REDIS_URL")

// Redis is the server that a benchmark measures with.
type Redis struct {
	URL    string
	client *redis.Client
	stop   func() error
}

// OpenRedis takes the Redis at url, which should serve nobody else, or where
// url is empty starts redis-server on a free port of the loopback address.
func OpenRedis(ctx context.Context, url string) (*Redis, error) {
	r := &Redis{URL: url, stop: func() error { return nil }}
	if url == "" {
		if err := r.start(ctx); err != nil {
			return nil, err
		}
	}
	options, err := redis.ParseURL(r.URL)
	if err != nil {
		return nil, errors.Join(errors.New("the Redis address is not one of a single server"), r.stop())
	}
	r.client = redis.NewClient(options)
	for try := 0; ; try++ {
		if err = r.client.Ping(ctx).Err(); err == nil {
			return r, nil
		}
		if try == 100 || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("redis does not answer: %w", err), r.Close())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (r *Redis) start(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ErrNoRedis
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "muster-bench-redis-")
	if err != nil {
		return err
	}
	command := exec.CommandContext(context.WithoutCancel(ctx), path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", //nolint:gosec // what LookPath found
		"--dir", folder, "--maxmemory-policy", "noeviction")
	if err := command.Start(); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	r.URL = "redis://127.0.0.1:" + strconv.Itoa(port) + "/0"
	r.stop = func() error {
		_ = command.Process.Signal(os.Interrupt) // gone already is as good
		_ = command.Wait()
		return os.RemoveAll(folder)
	}
	return nil
}

// freePort asks the kernel for a port that nobody has. Somebody may take it
// before we do; the start then fails in one line.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// CPU is how much processor time the server has used.
func (r *Redis) CPU(ctx context.Context) (time.Duration, error) {
	text, err := r.client.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
		seconds, err := infoFloat(text, name)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(seconds * float64(time.Second))
	}
	return sum, nil
}

// Memory is how many bytes the server holds; 0 of one that does not say, as the
// Redis inside the process.
func (r *Redis) Memory(ctx context.Context) (float64, error) {
	text, err := r.client.Info(ctx, "memory").Result()
	if err != nil && strings.Contains(err.Error(), "not supported") {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return infoFloat(text, "used_memory")
}

// MemoryOf is how many bytes the keys of a pattern take, and how many keys there are.
func (r *Redis) MemoryOf(ctx context.Context, pattern string) (bytes float64, keys int, err error) {
	found := r.client.Scan(ctx, 0, pattern, 1000).Iterator()
	for found.Next(ctx) {
		n, err := r.client.MemoryUsage(ctx, found.Val(), 0).Result()
		if err != nil {
			return 0, 0, err
		}
		bytes, keys = bytes+float64(n), keys+1
	}
	return bytes, keys, found.Err()
}

// Commands is what the server counts of each command, by name.
func (r *Redis) Commands(ctx context.Context) (map[string]commandStat, error) {
	text, err := r.client.Info(ctx, "commandstats").Result()
	if err != nil {
		return nil, fmt.Errorf("the counts of Redis: %w", err)
	}
	return infoCommands(text), nil
}

// Close ends what OpenRedis started.
func (r *Redis) Close() error {
	if r.client == nil {
		return r.stop()
	}
	return errors.Join(r.client.Close(), r.stop())
}
