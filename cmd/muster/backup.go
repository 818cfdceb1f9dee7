package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/backup"
	"github.com/musterhq/muster/internal/outfile"
)

type backupCmd struct {
	Data     string `help:"Folder with the campaign's data; a server may be running on it." default:"./muster-data" env:"MUSTER_DATA"`
	File     string `arg:"" help:"The backup: a tar.gz of database, keys and a manifest with hashes. It holds the server's keys and everybody's personal data: keep it as you keep a password." placeholder:"FILE"`
	Force    bool   `help:"Write over FILE if it exists."`
	MongoURL string `name:"mongo-url" env:"MUSTER_MONGO_URL" placeholder:"URL" help:"Refused here: MongoDB's documents are not in the data folder." hidden:""`
}

// Run backs up and says what is in the file.
func (c *backupCmd) Run(env *environment) error {
	if c.MongoURL != "" {
		return usagef("MUSTER_MONGO_URL is set, so the documents are in MongoDB and not in %s: use muster export, or mongodump", c.Data)
	}
	bars := newBars(env)
	m, err := app.Backup(env.ctx, app.BackupRequest{Data: c.Data, File: c.File, Force: c.Force, Version: version, Progress: bars.progress})
	bars.finish()
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && !app.HasData(c.Data):
		return usagef("%s holds no data; name the data folder with --data", c.Data)
	default:
		return ofUser(err)
	}
	size := int64(0)
	if info, err := os.Stat(c.File); err == nil {
		size = info.Size()
	}
	fmt.Fprintf(env.err, "Backed up %d documents to %s (%s). It holds the server's keys and personal data: keep it as you keep a password.\n", sum(m.Documents), c.File, inBytes(size))
	return nil
}

type restoreCmd struct {
	File     string `arg:"" help:"A backup that muster backup made." placeholder:"FILE"`
	Data     string `help:"Folder to make; must be empty or missing." default:"./muster-data" env:"MUSTER_DATA"`
	NoVerify bool   `help:"Do not recount the ledger at the end."`
	RedisURL string `name:"redis-url" help:"Not touched; a reminder is printed." env:"MUSTER_REDIS_URL" placeholder:"URL" hidden:""`
}

// Run restores, verifies, and answers errFailed where the boards are not equal
// to the ledger.
func (c *restoreCmd) Run(env *environment) error {
	bars := newBars(env)
	m, err := app.Restore(env.ctx, app.RestoreRequest{File: c.File, Data: c.Data, Progress: bars.progress})
	bars.finish()
	if err != nil {
		return ofUser(err)
	}
	fmt.Fprintf(env.err, "Restored %d documents into %s, as they were at %s.\n", sum(m.Documents), c.Data, m.TakenAt.Format(instant))
	if c.RedisURL != "" {
		fmt.Fprintln(env.err, "Your Redis was not touched and may know more than the restored ledger: empty it before you start the server.")
	}
	if c.NoVerify {
		return nil
	}
	return verifyData(env, storage{Data: c.Data})
}

// verifyData recounts a store that was just filled, on boards made for that in
// this process, whatever Redis the server will use.
func verifyData(env *environment, s storage) error {
	s.RedisURL = ""
	a, err := s.openExisting(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	report, err := a.Verify(env.ctx, app.VerifyRequest{})
	if err != nil {
		return plain(err)
	}
	report.Write(env.out)
	if !report.Equal() {
		return errFailed
	}
	return a.Close()
}

// ofUser makes of what the caller can mend by calling differently a usageError.
func ofUser(err error) error {
	if errors.Is(err, backup.ErrDamaged) {
		return err
	}
	for _, kind := range []error{fs.ErrNotExist, fs.ErrPermission, outfile.ErrExists, app.ErrHalfRestored, app.ErrInUse, app.ErrNotEmpty, app.ErrHoldsCampaigns} {
		if errors.Is(err, kind) {
			return usageError{err}
		}
	}
	return err
}

func sum(counts map[string]int64) int64 {
	all := int64(0)
	for _, n := range counts {
		all += n
	}
	return all
}

// instant is how a time, which is in UTC, is written for a person.
const instant = "2006-01-02 15:04:05 UTC"

// inBytes writes a size for a person.
func inBytes(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}
