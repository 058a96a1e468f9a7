package salesforce

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/salesforce/formula"
	"github.com/penstock-data/penstock/schema"
)

// source is the name of the one schema that the tables are in, whatever the
// destination's is called (Fivetran's REST API, connection schema config,
// 2026-07).
const sourceSchema = "salesforce"

// An object is what a describe says of an sObject, as far as it matters here.
type object struct {
	name          string
	replicateable bool
	key           string // the field whose values tell rows apart; "": none does
	cursor        string // the field by which changes are found; "": none
	fields        []field
	all           []formula.Field // those without a column too, for formulas
}

// A field is one that can be selected and has a column.
type field struct {
	name string
	typ  schema.Type
	sort bool // rows can be filtered and ordered by it
}

// cursors are the fields by which changes are found, the best first
// ("fivetran-synced-update-logic", Fivetran's documentation, 2026-07).
var cursors = []string{"SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime"}

// touched are the cursors that move when a row changes or is deleted.
var touched = cursors[:2]

// describe reads a describe; with formulas, fields that are computed count as
// others do.
func describe(v *fastjson.Value, formulas bool) *object {
	o := &object{name: string(v.GetStringBytes("name")), replicateable: v.GetBool("replicateable")}
	for _, f := range v.GetArray("fields") {
		if f.GetBool("deprecatedAndHidden") {
			continue
		}
		name := string(f.GetStringBytes("name"))
		o.all = append(o.all, formulaField(f))
		typ, ok := typeOf(f)
		if !ok || f.GetBool("calculated") && o.all[len(o.all)-1].Formula != "" && !formulas {
			continue
		}
		o.fields = append(o.fields, field{name, typ, f.GetBool("filterable") && f.GetBool("sortable")})
	}
	o.key = o.first(func(f *field) bool { return true }, "Id", "EventIdentifier")
	o.cursor = o.first(func(f *field) bool { return f.sort && f.typ.Kind == schema.Instant }, cursors...)
	return o
}

// typeOf returns the type of a field's column. Fields that are made of others,
// which have columns themselves, have none, nor have files.
func typeOf(f *fastjson.Value) (t schema.Type, ok bool) {
	switch string(f.GetStringBytes("type")) {
	case "address", "location", "base64":
		return t, false
	case "boolean":
		return schema.Type{Kind: schema.Boolean}, true
	case "int", "long":
		return schema.Type{Kind: schema.Long}, true
	case "double", "percent":
		return schema.Type{Kind: schema.Double}, true
	case "currency":
		return schema.DecimalOf(f.GetInt("precision"), f.GetInt("scale")), true
	case "date":
		return schema.Type{Kind: schema.Date}, true
	case "datetime":
		return schema.Type{Kind: schema.Instant}, true
	case "complexvalue", "json":
		return schema.Type{Kind: schema.JSON}, true
	}
	return schema.StringOf(f.GetInt("byteLength")), true
}

// field returns the field called name, or nil.
func (o *object) field(name string) *field {
	i := slices.IndexFunc(o.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &o.fields[i]
}

// first returns the first of the names whose field is fit, or "".
func (o *object) first(fit func(*field) bool, names ...string) string {
	for _, n := range names {
		if f := o.field(n); f != nil && fit(f) {
			return n
		}
	}
	return ""
}

// by returns what rows are told apart by and found to have changed.
func (o *object) by() string { return o.cursor + "," + o.key }

// A way is how a table is kept up to date.
type way uint8

const (
	again    way = iota // read as a whole each time: changes or deletes do not show
	byCursor            // read what changed, deleted rows among it
	byLog               // read what changed, and the ids of deleted rows from the log of deletes
	byRow               // read what changed; rows are never deleted
)

// way says how the object's table is kept up to date. Of Organization and
// CurrencyType Salesforce logs no deletes (Fivetran's Salesforce connector,
// features, 2024-04, and release notes, 2025-04).
func (o *object) way() way {
	switch {
	case o.name == "Organization" && o.cursor != "":
		return byRow
	case !o.replicateable || o.cursor == "" || o.key == "" || o.name == "CurrencyType":
		return again
	case o.field("IsDeleted") != nil && slices.Contains(touched, o.cursor):
		return byCursor
	}
	return byLog
}

// table returns the table of an object.
func (o *object) table() schema.Table {
	t := schema.Table{Name: schema.Name{Schema: sourceSchema, Table: o.name}}
	for _, f := range o.fields {
		c := schema.Column{Name: f.name, Type: f.typ, Key: f.name == o.key}
		if c.Key {
			c.Type = c.Type.AnyLength()
		}
		t.Columns = append(t.Columns, c)
	}
	if o.way() != again && slices.Contains(touched, o.cursor) {
		t.Columns = append(t.Columns, schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}})
	}
	return t
}

// queryable reports whether the object of an entry of the list of all objects
// has a table.
func queryable(v *fastjson.Value) bool {
	name := string(v.GetStringBytes("name"))
	kind := func(suffix string) bool { return strings.HasSuffix(name, suffix) }
	return v.GetBool("queryable") && !v.GetBool("deprecatedAndHidden") &&
		!kind("ChangeEvent") && !kind("__b") && !kind("__x") && !slices.Contains(narrow, name)
}

// narrow are objects of which all rows cannot be had, like big objects (__b)
// and those of other systems (__x): queries must name single rows or parents (SOQL and SOSL Reference, objects' own pages, and what
// singer-io/tap-salesforce lists, 2026-07).
var narrow = []string{
	"ActivityHistory", "AggregateResult", "Announcement", "AppTabMember", "AttachedContentDocument", "CollaborationGroupRecord",
	"ColorDefinition", "CombinedAttachment", "ContentBody", "ContentDocumentLink", "ContentFolderItem", "ContentFolderMember", "DataStatistics",
	"DataType", "EmailStatus", "EntityParticle", "FieldDefinition", "FeedLike", "FeedSignal", "FeedTrackedChange", "FieldHistoryArchive",
	"FlexQueueItem", "FlowVariableView", "FlowVersionView", "FolderedContentDocument", "IconDefinition", "IdeaComment",
	"ListViewChartInstance", "LookedUpFromActivity", "Name", "NetworkUserHistoryRecent", "NoteAndAttachment", "OpenActivity",
	"OutgoingEmail", "OutgoingEmailRelation", "OwnedContentDocument", "OwnerChangeOptionInfo", "PicklistValueInfo", "PlatformAction",
	"ProcessInstanceHistory", "RecordActionHistory", "RelationshipDomain", "RelationshipInfo", "SearchLayout", "SiteDetail",
	"UserEntityAccess", "UserFieldAccess", "UserRecordAccess", "Vote",
}

// restOnly are objects that Bulk API 2.0 does not query (Bulk API 2.0
// Developer Guide, limits, and what singer-io/tap-salesforce lists, 2026-07).
var restOnly = []string{
	"AcceptedEventRelation", "AssetTokenEvent", "AttachedContentNote", "CaseStatus", "ContractStatus", "DeclinedEventRelation",
	"EventWhoRelation", "KnowledgeArticle", "KnowledgeArticleVersion", "OrderStatus", "PartnerRole", "QuoteTemplateRichTextData", "RecentlyViewed", "SolutionStatus",
	"TaskPriority", "TaskStatus", "TaskWhoRelation", "UndecidedEventRelation", "EntityDefinition",
}

// bulk reports whether Bulk API 2.0 reads the object.
func (o *object) bulk() bool {
	return !slices.Contains(restOnly, o.name) && !strings.HasSuffix(o.name, "__mdt") &&
		!slices.ContainsFunc(o.fields, func(f field) bool { return f.typ.Kind == schema.JSON })
}
