package campaign

import "github.com/musterhq/muster/store"

// The collections. Regions, teams and postcodes live in their campaign's scope,
// the campaigns themselves in store.System.
var (
	campaignSchema = store.Schema{
		Name:    "campaigns",
		Indexes: []store.Index{{Name: "created", Order: "created_at"}},
	}
	regionSchema = store.Schema{
		Name:    "regions",
		Indexes: []store.Index{{Name: "level", Order: "level"}},
		Set:     []string{"name", "slug", "code", "leaf", "lat", "lon"},
	}
	teamSchema = store.Schema{
		Name: "teams",
		Indexes: []store.Index{
			{Name: "within", Equal: []string{"within"}, Order: "region", Each: "within"},
			{Name: "region", Order: "region"},
		},
		Set: []string{"name"},
	}
	postcodeSchema = store.Schema{
		Name:    "postcodes",
		Indexes: []store.Index{{Name: "id", Order: "id"}},
		Set:     []string{"places"},
	}
)

// Schemas are this room's collections.
var Schemas = []store.Schema{campaignSchema, regionSchema, teamSchema, postcodeSchema}
