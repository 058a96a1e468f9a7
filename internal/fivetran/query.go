package fivetran

// A Query asks for rows of a destination's tables. It is Penstock's own, as are
// its answers.
type Query struct {
	SQL   string `json:"sql"`
	Limit *int   `json:"limit"`
}

// A QueryAnswer is what a query found.
type QueryAnswer struct {
	Columns      []QueryColumn `json:"columns"`
	Rows         [][]*string   `json:"rows"`
	More         bool          `json:"more"` // rows, or ends of long values, were left out
	Milliseconds int64         `json:"took_ms"`
}

// A QueryColumn is a column of a QueryAnswer.
type QueryColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}
