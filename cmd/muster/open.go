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
	Data     string `help:"Folder with the campaign's data; made if it is missing. With MongoDB it holds the keys alone." default:"./muster-data" env:"MUSTER_DATA"`
	MongoURL string `name:"mongo-url" help:"MongoDB for the documents (mongodb://host:27017/muster), shared by any number of servers. Empty: in the data folder." env:"MUSTER_MONGO_URL" placeholder:"URL"`
	RedisURL string `name:"redis-url" help:"Redis or Valkey for boards, feeds and limits (redis://host:6379/0). Empty: inside this process." env:"MUSTER_REDIS_URL" placeholder:"URL"`
}

// check refuses addresses that name nothing, and an environment not to be served
// in, before anything is opened.
func (s storage) check() error {
	for _, err := range []error{app.CheckEnvironment(), app.CheckMongoURL(s.MongoURL), app.CheckRedisURL(s.RedisURL)} {
		if err != nil {
			return usageError{err}
		}
	}
	return nil
}

func (s storage) options(env *environment) app.Options {
	return app.Options{Data: s.Data, MongoURL: s.MongoURL, RedisURL: s.RedisURL, Version: version, Log: env.log}
}

// open opens the store. A folder in use, or half restored, a store that is not
// migrated, or a value that names nothing is the caller's to mend: usageError.
func (s storage) open(ctx context.Context, env *environment) (*app.App, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a, err := app.Open(ctx, s.options(env))
	for _, mendable := range []error{app.ErrInUse, app.ErrHalfRestored, app.ErrNotMigrated, app.ErrOtherKeys, fs.ErrPermission} {
		if errors.Is(err, mendable) {
			return nil, usageError{err}
		}
	}
	return a, err
}

// openExisting is open for commands that make no sense where there is no data.
func (s storage) openExisting(ctx context.Context, env *environment) (*app.App, error) {
	if info, err := os.Stat(s.Data); s.MongoURL == "" && (err != nil || !info.IsDir()) {
		return nil, usagef("there is no data folder %s; name it with --data", s.Data)
	}
	return s.open(ctx, env)
}

// where names the store without its address, which may hold a password.
func (s storage) where() string {
	if s.MongoURL != "" {
		return "the MongoDB database"
	}
	return s.Data
}
