package people

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// Person is one human in one campaign, in OSDI's words where it has them. Only
// this document links the human to the account under which ledger, boards and
// feeds know them.
type Person struct {
	store.Meta    `bson:",inline"`
	store.Effects `bson:",inline"`

	GivenName       string          `bson:"given_name,omitempty"`
	FamilyName      string          `bson:"family_name,omitempty"`
	EmailAddresses  []EmailAddress  `bson:"email_addresses,omitempty"`
	PhoneNumbers    []PhoneNumber   `bson:"phone_numbers,omitempty"`
	PostalAddresses []PostalAddress `bson:"postal_addresses,omitempty"`
	LanguagesSpoken []string        `bson:"languages_spoken,omitempty"` // BCP 47
	// YearOfBirth is 0 where the person never gave one; asked for where the
	// campaign has a minimum age.
	YearOfBirth int `bson:"year_of_birth,omitempty"`

	// DisplayName is shown to others only while NameShown is set; see PublicName.
	DisplayName string `bson:"display_name,omitempty"`
	NameShown   bool   `bson:"name_shown,omitempty"`
	Hidden      bool   `bson:"hidden,omitempty"` // on no people's board, under no name
	// ShoutOuts: their team may be told of what they achieve; see MayPraise.
	ShoutOuts bool   `bson:"shout_outs,omitempty"`
	Welcomed  bool   `bson:"welcomed,omitempty"`  // their team was told that they are new
	TimeZone  string `bson:"time_zone,omitempty"` // IANA; "" is the campaign's

	Account string   `bson:"account"`
	Team    string   `bson:"team,omitempty"`   // "" for an admin who never gave a postcode
	Region  string   `bson:"region,omitempty"` // leaf
	Within  []string `bson:"within,omitempty"` // the region and all above it, root first

	Grants []campaign.Grant `bson:"grants"`
	// RolesAt is when Grants last changed; absent: never. By it other nodes
	// learn of the change.
	RolesAt *time.Time `bson:"roles_at,omitempty"`
	// Leaving marks an admin whose role is being taken away; see PutRoles.
	Leaving []string `bson:"leaving,omitempty"`
	// Consents is the record of every grant and withdrawal, oldest first. It
	// is only ever appended to.
	Consents  []Consent `bson:"consents,omitempty"`
	CreatedAt time.Time `bson:"created_at"`
}

// EmailAddress is one address, in the form NormaliseEmail gives.
type EmailAddress struct {
	Address string `bson:"address"`
	Primary bool   `bson:"primary,omitempty"`
}

// PhoneNumber is one number.
type PhoneNumber struct {
	Number  string `bson:"number"`
	Primary bool   `bson:"primary,omitempty"`
}

// PostalAddress is where somebody lives, as far as they said.
type PostalAddress struct {
	PostalCode string `bson:"postal_code"`
	Primary    bool   `bson:"primary,omitempty"`
}

var personSchema = store.Schema{
	Name: "people",
	Indexes: []store.Index{
		{Name: "account", Equal: []string{"account"}},
		{Name: "within", Equal: []string{"within"}, Each: "within"},
		{Name: "role", Equal: []string{"grants.role"}, Each: "grants.role"},
		{Name: "created", Order: "created_at"},
		{Name: "roles", Order: "roles_at", Across: true},
		store.EffectsIndex,
	},
}

// LogValue keeps everything but the id out of logs.
func (p *Person) LogValue() slog.Value { return slog.StringValue(p.ID) }

// Email is the person's primary address, "" without one.
func (p *Person) Email() string {
	for _, e := range p.EmailAddresses {
		if e.Primary {
			return e.Address
		}
	}
	return ""
}

func (p *Person) phone() string {
	for _, n := range p.PhoneNumbers {
		if n.Primary {
			return n.Number
		}
	}
	return ""
}

// Has says whether the person holds the role, anywhere.
func (p *Person) Has(role campaign.Role) bool { return holds(p.Grants, role) }

// adultAge is the age from which a person may be named in public.
const adultAge = 18

// surely says whether somebody born in that year has reached the age by now,
// whatever their birthday. In the year in which they turn it, it says no.
func surely(age, yearOfBirth int, now time.Time) bool { return now.Year()-yearOfBirth > age }

// minor says whether the person may be younger than adultAge; who never gave a year
// of birth is taken at their word that they need not.
func (p *Person) minor(now time.Time) bool {
	return p.YearOfBirth != 0 && !surely(adultAge, p.YearOfBirth, now)
}

// OffBoards says whether the person is on no public board: hidden by their own
// wish, or a minor, whatever they wish. Their team and region keep the credit.
func (p *Person) OffBoards(now time.Time) bool { return p.Hidden || p.minor(now) }

// PublicName is the name that others may see: the display name where the
// person chose to show it, is not hidden and is not a minor; else the
// pseudonym of the account.
func (p *Person) PublicName(now time.Time) string {
	if p.NameShown && p.DisplayName != "" && !p.OffBoards(now) {
		return p.DisplayName
	}
	return Pseudonym(p.Account)
}

// Person gives the person's document, or NotFound person_unknown.
func (s *Service) Person(ctx context.Context, campaignID, id string) (*Person, error) {
	p, err := s.people.Get(ctx, campaignID, id)
	if absent(err) {
		return nil, errs.New(errs.NotFound, "person_unknown", "There is no such person in this campaign.")
	}
	if err != nil {
		return nil, storeError(err)
	}
	return p, nil
}

// update changes the person's document and makes the change felt on this node
// at once. A change of roles is stamped, for the other nodes.
func (s *Service) update(ctx context.Context, campaignID, id string, decide func(*Person) error) (*Person, error) {
	var stamped bool
	p, err := s.people.Update(ctx, campaignID, id, func(p *Person) error {
		before := slices.Clone(p.Grants)
		if err := decide(p); err != nil {
			return err
		}
		if stamped = !slices.Equal(before, p.Grants); stamped {
			p.stampRoles(s.clock.Now())
		}
		return nil
	})
	if absent(err) {
		return nil, errs.New(errs.NotFound, "person_unknown", "There is no such person in this campaign.")
	}
	if err != nil {
		return nil, storeError(err)
	}
	s.standings.put(p, s.clock.Now())
	s.shown.drop(campaignID, p.Account)
	if stamped {
		s.ended.learnRoles(p)
	}
	return p, nil
}

// stampRoles notes when the roles changed, each change later than the last.
func (p *Person) stampRoles(now time.Time) {
	if p.RolesAt != nil && !now.After(*p.RolesAt) {
		now = p.RolesAt.Add(time.Millisecond)
	}
	p.RolesAt = &now
}

// join asks the ledger to take the person in, once they have a team.
func (p *Person) join(zone string, now time.Time) {
	p.Add(store.Effect{
		ID: "join/" + p.Account, Kind: EffectJoin, Due: p.CreatedAt,
		Data: map[string]string{
			"account": p.Account, "team": p.Team, "region": p.Region, "time_zone": zone, "off_boards": strconv.FormatBool(p.OffBoards(now)),
		},
	})
}

// tellHidden asks the ledger to follow what OffBoards says.
func (p *Person) tellHidden(now time.Time) {
	p.Add(store.Effect{ID: "hide/" + store.NewID(), Kind: EffectHide, Due: now, Data: map[string]string{"person": p.ID}})
}
