package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/musterhq/muster/internal/app"
)

// storage are the flags of every command that opens a campaign's data.
type storage struct {
	Data     string `help:"Folder with the campaign's data; made if it is missing." default:"./muster-data" env:"MUSTER_DATA"`
	RedisURL string `name:"redis-url" help:"Redis or Valkey for boards, feeds and limits (redis://host:6379/0). Empty: inside this process." env:"MUSTER_REDIS_URL" placeholder:"URL"`
	MongoURL string `name:"mongo-url" help:"Not built yet: MongoDB as the store. Setting it is refused." env:"MUSTER_MONGO_URL" placeholder:"URL" hidden:""`
}

// check refuses addresses that name nothing, and an environment not to be served
// in, before anything is opened.
func (s storage) check() error {
	if err := app.CheckEnvironment(); err != nil {
		return usageError{err}
	}
	if s.MongoURL != "" {
		return usagef("MUSTER_MONGO_URL is set, but this build keeps its documents in SQLite only; unset it")
	}
	if err := app.CheckRedisURL(s.RedisURL); err != nil {
		return usageError{err}
	}
	return nil
}

// open opens the data folder. A folder in use, or half restored, or a value that
// names nothing is the caller's to mend: usageError.
func (s storage) open(ctx context.Context, env *environment) (*app.App, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a, err := app.Open(ctx, app.Options{Data: s.Data, RedisURL: s.RedisURL, Version: version, Log: env.log})
	if errors.Is(err, app.ErrInUse) || errors.Is(err, app.ErrHalfRestored) || errors.Is(err, fs.ErrPermission) {
		return nil, usageError{err}
	}
	return a, err
}

// openExisting is open for commands that make no sense on an empty folder.
func (s storage) openExisting(ctx context.Context, env *environment) (*app.App, error) {
	if info, err := os.Stat(s.Data); err != nil || !info.IsDir() {
		return nil, usagef("there is no data folder %s; name it with --data", s.Data)
	}
	return s.open(ctx, env)
}
