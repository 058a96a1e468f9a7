package schema

// A Naming is a rule that makes destination names from a source's names.
type Naming uint8

const (
	// ApplicationNaming is Fivetran's rule for applications: camelCase
	// becomes snake_case, digits are set apart, runs of anything else
	// become one underscore.
	ApplicationNaming Naming = iota

	// DatabaseNaming is the rule for databases: lower case, and an
	// underscore for each character that is no letter, digit or underscore.
	DatabaseNaming

	// SourceNaming keeps names as they are.
	SourceNaming
)
