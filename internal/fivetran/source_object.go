package fivetran

// A SourceObject is a schema, a table or a column of a source, an item of GET
// /v1/metadata/connectors/{connectionId}/schemas and so on: the older metadata
// API, which the definition of 2026-07 does not have any more.
type SourceObject struct {
	ID                string `json:"id"`
	ParentID          string `json:"parent_id,omitempty"` // the table's schema, the column's table; absent for schemas
	NameInSource      string `json:"name_in_source"`
	NameInDestination string `json:"name_in_destination"`
}

// A SourceColumn is a column of a source.
type SourceColumn struct {
	SourceObject
	TypeInSource      string `json:"type_in_source"`
	TypeInDestination string `json:"type_in_destination"`
	IsPrimaryKey      bool   `json:"is_primary_key"`
	IsForeignKey      bool   `json:"is_foreign_key"`
}
