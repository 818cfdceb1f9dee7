package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/internal/backup"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/outfile"
	"github.com/musterhq/muster/store/sqlite"
)

// BackupRequest says what to back up, and where to.
type BackupRequest struct {
	Data     string // data folder of the embedded store; a server may run on it
	File     string // the backup
	Force    bool   // write over File
	Version  string // of this program, noted in the backup
	Progress Progress
	Clock    clock.Clock // nil: the machine's
}

// backedUp are the files of a data folder that a backup holds: without the keys
// no token, code or invitation that people have would be good any more.
var backedUp = []string{keysFile, storeFile}

// Backup writes the data folder as it is at one instant into one file, which is
// there whole or not at all. It does not take the folder: a server goes on
// writing meanwhile, and what was answered before Backup began is in the file.
// The error is fs.ErrNotExist where there is no data, ErrHalfRestored, or
// outfile.ErrExists.
func Backup(ctx context.Context, r BackupRequest) (m backup.Manifest, err error) {
	if r.Clock == nil {
		r.Clock = clock.System{}
	}
	if halfRestored(r.Data) {
		return m, fmt.Errorf("%s: %w", r.Data, ErrHalfRestored)
	}
	for _, name := range backedUp {
		if _, err := os.Stat(filepath.Join(r.Data, name)); err != nil {
			return m, err
		}
	}
	work, err := outfile.Begin(r.File, r.Force)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	m = backup.Manifest{Muster: r.Version, TakenAt: r.Clock.Now()}
	if err := copyKeys(r.Data, work); err != nil {
		return m, fmt.Errorf("keys: %w", err)
	}
	copied := func(done, total int64) { r.Progress.tell("copy", done, total) }
	if err := sqlite.Copy(ctx, filepath.Join(r.Data, storeFile), work.Path(storeFile), copied); err != nil {
		return m, err
	}
	if m.Documents, err = sqlite.Counts(ctx, work.Path(storeFile)); err != nil {
		return m, err
	}
	open := func(step string) func(name string) (io.ReadCloser, error) {
		return func(name string) (io.ReadCloser, error) { return openMetered(ctx, work.Path(name), step, r.Progress) }
	}
	for _, name := range backedUp {
		file, err := describe(name, open("check"))
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, file)
	}
	out, err := work.Create("out")
	if err != nil {
		return m, err
	}
	if err := backup.Write(out, m, open("pack")); err != nil {
		return m, errors.Join(err, out.Close())
	}
	return m, work.Commit(out)
}

// copyKeys puts a copy of the keys into the work folder, if they are keys.
func copyKeys(data string, work *outfile.Work) error {
	raw, err := os.ReadFile(filepath.Join(data, keysFile))
	if err != nil {
		return err
	}
	if _, err := people.DecodeKeys(raw); err != nil {
		return err
	}
	file, err := work.Create(keysFile)
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	return errors.Join(err, file.Close())
}

func describe(name string, open func(string) (io.ReadCloser, error)) (backup.File, error) {
	content, err := open(name)
	if err != nil {
		return backup.File{}, err
	}
	file, err := backup.Describe(name, content)
	return file, errors.Join(err, content.Close())
}

// metered is a file that is read with progress, until the context ends.
type metered struct {
	*os.File
	ctx         context.Context
	step        string
	done, total int64
	progress    Progress
}

func openMetered(ctx context.Context, path, step string, progress Progress) (*metered, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &metered{File: file, ctx: ctx, step: step, total: info.Size(), progress: progress}, nil
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.File.Read(p)
	m.done += int64(n)
	m.progress.tell(m.step, m.done, m.total)
	return n, err
}

// WriteTo implements io.WriterTo, lest the file's own pass Read over.
func (m *metered) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{m})
}
