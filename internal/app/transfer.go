package app

import (
	"context"
	"errors"
	"slices"

	"github.com/musterhq/muster/internal/dump"
	"github.com/musterhq/muster/internal/outfile"
	"github.com/musterhq/muster/store"
)

// ErrHoldsCampaigns is the answer to an import into a store that is in use.
var ErrHoldsCampaigns = errors.New("this store holds campaigns already; import into an empty one, or, to repeat an import that was cut short, add --force")

// exported lists the collections in the order of an export: rooms from the top
// of the house down, so that what points at something comes before what it
// points at, and campaigns last. An import that was cut short so leaves no
// campaign, and nobody takes it for whole.
func exported() []store.Schema {
	all := schemas()
	slices.Reverse(all)
	return all
}

// Export writes all documents of the store into one file, which is there whole
// or not at all, and says how many there are of each collection. The keys of
// the data folder are not in it. See package dump for what an export promises
// while others write. It answers outfile.ErrExists unless force is set.
func (a *App) Export(ctx context.Context, file string, force bool, progress Progress) (counts map[string]int64, err error) {
	work, err := outfile.Begin(file, force)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	out, err := work.Create("out")
	if err != nil {
		return nil, err
	}
	header := dump.Header{Muster: a.options.Version, TakenAt: a.clock.Now()}
	counts, err = dump.Export(ctx, out, a.store, exported(), header, func(n int64) { progress.tell("export", n, 0) })
	if err != nil {
		return counts, errors.Join(err, out.Close())
	}
	return counts, work.Commit(out)
}

// CheckExport reads an export to its end and says what it holds; deep has it
// look into every document too. It needs no store. Errors: dump.ErrDamaged,
// dump.ErrNewer.
func CheckExport(ctx context.Context, file string, deep bool, progress Progress) (dump.Report, error) {
	in, err := openMetered(ctx, file, "check", progress)
	if err != nil {
		return dump.Report{}, err
	}
	defer in.Close()
	return dump.Check(ctx, in, exported(), deep)
}

// Import writes the documents of an export over what the store holds under
// their ids; checked is what CheckExport said of the file. It refuses a store
// with campaigns, unless force is set; nobody else may use the store meanwhile.
// An import that was cut short is repeated from the beginning. This App
// remembers the store as it was: close it afterwards. Errors: those of
// CheckExport, ErrHoldsCampaigns.
func (a *App) Import(ctx context.Context, file string, checked dump.Report, force bool, progress Progress) (dump.Report, error) {
	campaigns, err := a.Campaigns.All(ctx)
	if err != nil {
		return dump.Report{}, err
	}
	if len(campaigns) > 0 && !force {
		return dump.Report{}, ErrHoldsCampaigns
	}
	in, err := openMetered(ctx, file, "", nil)
	if err != nil {
		return dump.Report{}, err
	}
	defer in.Close()
	return dump.Import(ctx, in, a.store, exported(), func(n int64) { progress.tell("import", n, checked.Total()) })
}
