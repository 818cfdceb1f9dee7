package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// ImportOptions say how a campaign's tree grows from a postcode file.
type ImportOptions struct {
	// Country is the ISO code of two letters; rows of other countries are
	// refused. "" takes the country of the first row.
	Country string
	// Depth is the level of the leaves; "" is DefaultDepth of the country, or
	// the depth the campaign's tree has.
	Depth Depth
	// Within is the region that becomes the campaign's root: "it", "it.liguria".
	// "" is the whole country, or the root the campaign has.
	Within string
	DryRun bool // do everything but write
	// Progress, if set, is told how far each step is. It must not block.
	Progress func(step ImportStep, done, total int)
}

// ImportStep names what an import is doing. Total is 0 while rows are read:
// how many there are is not known.
type ImportStep string

// The steps, in their order.
const (
	StepRead      ImportStep = "rows"
	StepRegions   ImportStep = "regions"
	StepTeams     ImportStep = "teams"
	StepPostcodes ImportStep = "postcodes"
)

// Report is what an import did or, of a dry run, would do.
type Report struct {
	DryRun   bool   `json:"dry_run"`
	Country  string `json:"country"`
	Root     string `json:"root"`
	Depth    Depth  `json:"depth"`
	Rows     int    `json:"rows"` // without header and blank lines; accepted and refused add up to it
	Accepted int    `json:"accepted"`
	// Refused lists every refused row, by line.
	Refused   []RefusedRow `json:"refused"`
	Regions   Counts       `json:"regions"`
	Teams     Counts       `json:"teams"`
	Postcodes Counts       `json:"postcodes"`
	// Shared counts the postcodes that ask the person to choose.
	Shared int `json:"shared_postcodes"`
}

// Counts says what an import did to one kind of document. What the campaign
// has and the file has not is left alone: people may stand in it.
type Counts struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
}

// Reasons counts the refused rows by reason.
func (r *Report) Reasons() map[Reason]int {
	counts := map[Reason]int{}
	for _, row := range r.Refused {
		counts[row.Reason]++
	}
	return counts
}

// Import reads a postcode file and makes or extends the campaign's tree:
// regions, one team a leaf, and the postcodes that lead to them. The file is
// GeoNames' own (tabs, twelve columns, no header), or commas with a header that
// names at least country, postcode, place, admin1, admin1_code, lat and lon and
// may name kind, admin2, admin2_code, admin3 and admin3_code; gzip or plain.
// Refused rows are in the report and stop nothing.
//
// It may be run again, and after a kill at any point: the same file gives the
// same tree with the same ids, and existing documents are written only where
// they changed. Regions and teams are written before the postcodes that lead
// to them, and the campaign's root last, so nobody meets a half-written tree.
// A campaign's root and depth are fixed by its first import.
//
// Only an operator or staff may call it. NotFound: campaign_unknown. Invalid:
// country_unknown, depth_unknown, root_unknown, import_format, import_empty,
// import_unreadable. Conflict: root_fixed, depth_fixed, import_conflict.
// The report is filled as far as the import came, with an error too.
func (s *Service) Import(ctx context.Context, campaignID string, o ImportOptions, source io.Reader) (Report, error) {
	s.importing.Lock()
	defer s.importing.Unlock()
	report := Report{DryRun: o.DryRun, Refused: []RefusedRow{}}
	c, err := s.campaigns.Get(ctx, store.System, campaignID)
	if errors.Is(err, store.ErrNotFound) {
		return report, errs.Wrap(err, errs.NotFound, "campaign_unknown", "There is no campaign %q.", campaignID)
	}
	if err != nil {
		return report, fmt.Errorf("import into %s: %w", campaignID, err)
	}
	if o.Progress == nil {
		o.Progress = func(ImportStep, int, int) {}
	}
	if o.Depth == "" {
		o.Depth = c.Depth
	}
	grove, err := plant(ctx, o, source, &report)
	if err != nil {
		return report, err
	}
	if report.Root, err = rootFor(c, o.Within, &report); err != nil {
		return report, err
	}
	var existing []*Region
	if c.Root != "" {
		if existing, err = s.allRegions(ctx, campaignID); err != nil {
			return report, err
		}
	}
	grove.identify(existing)
	h, found := grove.reap(campaignID, report.Root)
	report.Accepted, report.Shared = h.accepted, h.shared
	report.Refused = append(report.Refused, h.refused...)
	slices.SortFunc(report.Refused, func(a, b RefusedRow) int { return a.Line - b.Line })
	if !found {
		return report, errs.New(errs.Invalid, "root_unknown", "No row of the file lies in %q; name a region such as %q, or leave it out for the whole country.", report.Root, grove.root.id)
	}
	return report, s.write(ctx, c, o, h, &report)
}

// plant reads the rows into a tree.
func plant(ctx context.Context, o ImportOptions, source io.Reader, report *Report) (*grove, error) {
	if o.Depth != "" && !o.Depth.Valid() {
		return nil, errs.New(errs.Invalid, "depth_unknown", "%q is no depth: use admin1, admin2, admin3 or place.", o.Depth)
	}
	in, err := newLines(source)
	if err != nil {
		return nil, err
	}
	rules := rowRules{columns: in.columns}
	var trees *grove
	begin := func(country string) error {
		code, name, err := countryOf(country)
		if err != nil {
			return err
		}
		if o.Depth == "" {
			o.Depth = DefaultDepth(code)
		}
		rules.country, rules.depth = code, o.Depth
		report.Country, report.Depth = code, o.Depth
		trees = newGrove(code, name, o.Depth)
		return nil
	}
	if o.Country != "" {
		if err := begin(o.Country); err != nil {
			return nil, err
		}
	}
	for {
		line, fields, refused, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if report.Rows++; report.Rows%10_000 == 0 {
			o.Progress(StepRead, report.Rows, 0)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if trees == nil && refused == nil && len(fields) == in.columns.count {
			if err := begin(in.columns.getter(fields)(colCountry)); err != nil {
				return nil, err
			}
		}
		var r row
		if refused == nil {
			r, refused = rules.parse(line, fields)
		}
		if refused != nil {
			report.Refused = append(report.Refused, *refused)
			continue
		}
		trees.add(&r)
	}
	o.Progress(StepRead, report.Rows, report.Rows)
	if trees == nil || trees.root.count == 0 {
		return nil, errs.New(errs.Invalid, "import_empty", "No row of the file could be used; the report says why for each.")
	}
	trees.splitHomonyms()
	return trees, nil
}

// rootFor decides the campaign's root and holds an existing tree to it: people
// stand in its leaves.
func rootFor(c *Campaign, within string, report *Report) (string, error) {
	within = strings.ToLower(strings.TrimSpace(within))
	if c.Root == "" {
		if within == "" {
			within = strings.ToLower(report.Country)
		}
		return within, nil
	}
	if within != "" && within != c.Root || !Covers(strings.ToLower(report.Country), c.Root) {
		return c.Root, errs.New(errs.Conflict, "root_fixed", "This campaign's root is %s and stays so; import into another campaign.", c.Root)
	}
	if report.Depth != c.Depth {
		return c.Root, errs.New(errs.Conflict, "depth_fixed", "This campaign's leaves are of the level %s and stay so; import with that depth, or into another campaign.", c.Depth)
	}
	return c.Root, nil
}

// write brings the campaign's documents to what was harvested.
func (s *Service) write(ctx context.Context, c *Campaign, o ImportOptions, h *harvest, report *Report) error {
	if c.Root == "" && !o.DryRun {
		// A killed import with other options may have left documents that this
		// one does not know. Nobody can have been placed by them yet.
		if err := s.clear(ctx, c.ID, h); err != nil {
			return err
		}
	}
	w := writer{campaign: c.ID, options: o}
	steps := []func() error{
		func() (err error) {
			report.Regions, err = upsert(ctx, w, StepRegions, s.regions, h.regions, regionChanges)
			return err
		},
		func() (err error) {
			report.Teams, err = upsert(ctx, w, StepTeams, s.teams, h.teams, teamChanges)
			return err
		},
		func() (err error) {
			report.Postcodes, err = upsert(ctx, w, StepPostcodes, s.postcodes, h.postcodes, postcodeChanges)
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if o.DryRun {
		return nil
	}
	_, err := s.campaigns.Update(ctx, store.System, c.ID, func(c *Campaign) error {
		c.Root, c.Depth = report.Root, report.Depth
		c.TreeVersion++
		return nil
	})
	if err != nil {
		return fmt.Errorf("import into %s: %w", c.ID, err)
	}
	s.known.Remove(c.ID)
	return nil
}
