// Package campaign is the tenant and what it stands on: the campaign, its tree
// of regions, the postcodes that lead into it, the teams that score in it and
// the roles people hold. Every other room of the domain builds on it and on no
// sibling.
package campaign

import (
	"regexp"
	"time"

	"github.com/musterhq/muster/store"
)

// Campaign is the tenant. It is stored in the scope store.System under its own
// id.
type Campaign struct {
	store.Meta `bson:",inline"`
	Name       string `bson:"name"`
	// Parent is the id of the campaign above, "" at the top. Being a parent
	// grants nothing by itself: data crosses by an agreement only.
	Parent string `bson:"parent,omitempty"`
	// Root is the id of the region that holds all others ("it.liguria"), ""
	// until postcodes are imported.
	Root string `bson:"root,omitempty"`
	// Depth is the level of GeoNames that the leaves were taken from, "" until
	// postcodes are imported. It never changes afterwards: people stand in the
	// leaves.
	Depth Depth `bson:"depth,omitempty"`
	// TreeVersion counts the imports that ended; nodes read the tree again when
	// it has moved.
	TreeVersion int64 `bson:"tree_version,omitempty"`
	// TimeZone (IANA) decides where a season begins and, for people who name
	// none of their own, where a day begins.
	TimeZone string `bson:"time_zone"`
	// SeasonWeeks is how many weeks a season lasts, 0 (a week) to MaxSeasonWeeks.
	// It never changes: closed seasons would have to.
	SeasonWeeks int `bson:"season_weeks,omitempty"`
	// MinimumAge in years, 0 to 99; above 0 a sign-up must give a year of birth.
	MinimumAge int       `bson:"minimum_age,omitempty"`
	CreatedAt  time.Time `bson:"created_at"`
}

// MaxSeasonWeeks is a quarter of a year.
const MaxSeasonWeeks = 13

// Region is a node of a campaign's tree. Its id is the path of slugs from the
// root: "it.liguria.sp.la-spezia".
type Region struct {
	store.Meta `bson:",inline"`
	Name       string `bson:"name"`
	// Slug is the last part of the id before homonyms were told apart, and Code
	// the admin code: an import knows a region again by both.
	Slug   string `bson:"slug,omitempty"`
	Code   string `bson:"code,omitempty"`
	Parent string `bson:"parent,omitempty"` // "" for the root
	// Within is the region itself and all regions above it, root first: a
	// subtree is one equality on this array.
	Within []string `bson:"within"`
	Level  int      `bson:"level"` // 0 for the root
	Leaf   bool     `bson:"leaf"`  // people and teams are placed in leaves
	Lat    float64  `bson:"lat,omitempty"`
	Lon    float64  `bson:"lon,omitempty"`
}

// Team is the unit that scores inside a leaf region. Id: "team-" and a random
// or derived suffix.
type Team struct {
	store.Meta `bson:",inline"`
	Name       string   `bson:"name"`
	Region     string   `bson:"region"`
	Within     []string `bson:"within"` // the region and all above it, root first
}

// Postcode leads from what a person types to the leaf regions it may mean. Its
// id is what NormalizePostcode makes of the postcode.
type Postcode struct {
	store.Meta `bson:",inline"`
	Places     []Place `bson:"places"`
}

// Place is one answer to a postcode: the leaf region and a name that no other
// leaf of the campaign has, so that a person can choose.
type Place struct {
	Region string `bson:"region" json:"region"`
	Name   string `bson:"name" json:"name"`
}

// Role is what a person may do, and where.
type Role string

// The roles. Supporter is everybody's; Lead holds for a region subtree; Display
// is a wall screen's token and sees aggregates only.
const (
	Supporter Role = "supporter"
	Volunteer Role = "volunteer"
	Lead      Role = "lead"
	Media     Role = "media"
	Staff     Role = "staff"
	Admin     Role = "admin"
	Display   Role = "display"
)

// Grant gives one role. Region is the root of the subtree a Lead or Display
// sees; "" is the whole campaign, and for the other roles always "".
type Grant struct {
	Role   Role   `bson:"role" json:"role"`
	Region string `bson:"region,omitempty" json:"region,omitempty"`
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,62}$`)

// ValidID says whether s may be a campaign's id: 2 to 63 lower-case letters,
// digits and hyphens, a letter or digit first. The reserved scopes of the
// store do not match it.
func ValidID(s string) bool { return idPattern.MatchString(s) }
