package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

const (
	// campaignLife is how long a campaign is answered from memory. Another
	// process's import is seen after at most this long.
	campaignLife = time.Second
	// maxCampaigns and maxTrees bound the memory of a server with very many
	// campaigns; the least used are read again.
	maxCampaigns = 4096
	maxTrees     = 64
	maxZones     = 1000 // more than there are
)

// Service is the campaigns, their trees, teams and postcodes. It is safe for
// concurrent use.
type Service struct {
	campaigns *store.Collection[Campaign]
	regions   *store.Collection[Region]
	teams     *store.Collection[Team]
	postcodes *store.Collection[Postcode]
	clock     clock.Clock

	known *lru.Cache[string, cachedCampaign]
	trees *lru.Cache[string, *cachedTree]
	zones *lru.Cache[string, *time.Location]
	// making keeps two callers from adding two cachedTrees of one campaign.
	making sync.Mutex
	// importing lets imports take turns: they are rare, and each holds the
	// whole tree of a country in memory.
	importing sync.Mutex
}

type cachedCampaign struct {
	campaign Campaign
	at       time.Time
}

// cachedTree is the tree of one version. Its lock is held while the tree is
// read, so that a burst after an import reads it once.
type cachedTree struct {
	mu      sync.Mutex
	version int64
	tree    *Tree
}

// New makes the service. It does no I/O; the engine must have migrated Schemas
// before the first call.
func New(engine store.Engine, clock clock.Clock) *Service {
	known, err := lru.New[string, cachedCampaign](maxCampaigns)
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	trees, err := lru.New[string, *cachedTree](maxTrees)
	if err != nil {
		panic(err)
	}
	zones, err := lru.New[string, *time.Location](maxZones)
	if err != nil {
		panic(err)
	}
	return &Service{
		zones:     zones,
		campaigns: store.NewCollection[Campaign](engine, campaignSchema),
		regions:   store.NewCollection[Region](engine, regionSchema),
		teams:     store.NewCollection[Team](engine, teamSchema),
		postcodes: store.NewCollection[Postcode](engine, postcodeSchema),
		clock:     clock,
		known:     known,
		trees:     trees,
	}
}

// Check refuses what cannot be created, with the errors of Create that need no
// look at the store.
func (c *Campaign) Check() error {
	switch {
	case !ValidID(c.ID):
		return errs.New(errs.Invalid, "campaign_id", "%q cannot be a campaign's id: use 2 to 63 lower-case letters, digits and hyphens, a letter or digit first.", c.ID)
	case c.Name == "" || !utf8.ValidString(c.Name) || utf8.RuneCountInString(c.Name) > maxName:
		return errs.New(errs.Invalid, "campaign_name", "Give the campaign a name of 1 to %d characters.", maxName)
	case c.MinimumAge < 0 || c.MinimumAge > 99:
		return errs.New(errs.Invalid, "minimum_age", "The minimum age is 0 to 99 years; 0 asks nobody.")
	case c.SeasonWeeks < 0 || c.SeasonWeeks > MaxSeasonWeeks:
		return errs.New(errs.Invalid, "season_weeks", "A season lasts 1 to %d weeks.", MaxSeasonWeeks)
	case c.Root != "" || c.Depth != "" || c.TreeVersion != 0:
		return errs.New(errs.Invalid, "root_not_settable", "The tree of regions comes from an import of postcodes; create the campaign without a root.")
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "" || c.TimeZone == "Local" {
		return errs.New(errs.Invalid, "time_zone_unknown", "%q is not a time zone: use a name such as Europe/Rome.", c.TimeZone)
	}
	return nil
}

// Location is a time zone by its IANA name, kept in memory: it is asked for with
// every action, and reading the zone's table each time is not free.
func (s *Service) Location(name string) (*time.Location, error) {
	if zone, ok := s.zones.Get(name); ok {
		return zone, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	s.zones.Add(name, zone)
	return zone, nil
}

// Create makes a campaign and answers it as stored. ID, Name and TimeZone are
// required; Root, Depth and TreeVersion come from Import and must be empty.
// Invalid: campaign_id, campaign_name, time_zone_unknown, minimum_age,
// season_weeks, parent_unknown, root_not_settable. Conflict: campaign_exists.
func (s *Service) Create(ctx context.Context, c Campaign) (*Campaign, error) {
	c.Name = strings.TrimSpace(c.Name)
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Parent != "" {
		if _, err := s.Get(ctx, c.Parent); errs.KindOf(err) == errs.NotFound {
			return nil, errs.New(errs.Invalid, "parent_unknown", "There is no campaign %q to be the parent.", c.Parent)
		} else if err != nil {
			return nil, err
		}
	}
	c.Meta = store.Meta{ID: c.ID}
	c.CreatedAt = s.clock.Now()
	err := s.campaigns.InsertOne(ctx, store.System, &c)
	if errors.Is(err, store.ErrDuplicate) {
		return nil, errs.Wrap(err, errs.Conflict, "campaign_exists", "There is a campaign %q already; choose another id.", c.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("create campaign %s: %w", c.ID, err)
	}
	return &c, nil
}

// Get finds a campaign; the answer is the caller's own copy and at most about a
// second old. NotFound: campaign_unknown.
func (s *Service) Get(ctx context.Context, id string) (*Campaign, error) {
	now := s.clock.Now()
	// A clock that was set back must not make an old answer live on.
	if cached, ok := s.known.Get(id); ok && now.Sub(cached.at) < campaignLife && !now.Before(cached.at) {
		return &cached.campaign, nil
	}
	if !ValidID(id) {
		return nil, errs.New(errs.NotFound, "campaign_unknown", "There is no such campaign.")
	}
	found, err := s.campaigns.Get(ctx, store.System, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errs.Wrap(err, errs.NotFound, "campaign_unknown", "There is no such campaign.")
	}
	if err != nil {
		return nil, fmt.Errorf("get campaign %s: %w", id, err)
	}
	s.known.Add(id, cachedCampaign{*found, now})
	return found, nil
}

// All lists every campaign, oldest first. For this process's own loops and its
// operator, never for a person.
func (s *Service) All(ctx context.Context) ([]*Campaign, error) {
	var all []*Campaign
	for c, err := range s.campaigns.Scan(ctx, store.System, store.Query{Index: "created"}) {
		if err != nil {
			return nil, fmt.Errorf("list campaigns: %w", err)
		}
		all = append(all, c)
	}
	return all, nil
}

// Tree gives the campaign's regions from memory; they are read again when an
// import has ended since, which is noticed after at most about a second.
// NotFound: campaign_unknown. Conflict: regions_missing, before the first
// import has ended.
func (s *Service) Tree(ctx context.Context, campaignID string) (*Tree, error) {
	c, err := s.Get(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	if c.Root == "" {
		return nil, regionsMissing()
	}
	s.making.Lock()
	cached, ok := s.trees.Get(campaignID)
	if !ok {
		cached = &cachedTree{}
		s.trees.Add(campaignID, cached)
	}
	s.making.Unlock()

	cached.mu.Lock()
	defer cached.mu.Unlock()
	if cached.tree != nil && cached.version >= c.TreeVersion {
		return cached.tree, nil
	}
	regions, err := s.allRegions(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	cached.tree, cached.version = NewTree(c.Root, regions), c.TreeVersion
	return cached.tree, nil
}

func regionsMissing() error {
	return errs.New(errs.Conflict, "regions_missing", "This campaign has no regions yet; its staff must import postcodes first.")
}

func (s *Service) allRegions(ctx context.Context, campaignID string) ([]*Region, error) {
	var regions []*Region
	for r, err := range s.regions.Scan(ctx, campaignID, store.Query{Index: "level"}) {
		if err != nil {
			return nil, fmt.Errorf("read regions of %s: %w", campaignID, err)
		}
		regions = append(regions, r)
	}
	return regions, nil
}

// Teams lists the teams in a region's subtree in the order of their regions, limit (1 to
// store.MaxPage) a page, with the cursor of the next page, "" at the end.
func (s *Service) Teams(ctx context.Context, campaignID, region, cursor string, limit int) ([]*Team, string, error) {
	page, err := s.teams.Find(ctx, campaignID, store.Query{Index: "within", Equal: []any{region}, After: cursor, Limit: limit})
	if err != nil {
		return nil, "", fmt.Errorf("teams of %s: %w", region, err)
	}
	return page.Items, page.Next, nil
}

// Team finds a team. NotFound: team_unknown.
func (s *Service) Team(ctx context.Context, campaignID, id string) (*Team, error) {
	team, err := s.teams.Get(ctx, campaignID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errs.Wrap(err, errs.NotFound, "team_unknown", "There is no such team.")
	}
	if err != nil {
		return nil, fmt.Errorf("get team: %w", err)
	}
	return team, nil
}

// TeamNames gives the names of teams by id; those that do not exist are missing
// from the answer.
func (s *Service) TeamNames(ctx context.Context, campaignID string, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	for batch := range slices.Chunk(ids, store.MaxBatch) {
		teams, err := s.teams.GetMany(ctx, campaignID, batch)
		if err != nil {
			return nil, fmt.Errorf("names of teams: %w", err)
		}
		for id, team := range teams {
			names[id] = team.Name
		}
	}
	return names, nil
}

// teamID is the id of the team that an import gives a leaf region.
func teamID(campaignID, region string) string {
	return "team-" + store.IDFrom(campaignID, region)[:10]
}
