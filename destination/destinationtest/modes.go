package destinationtest

// modeScripts are about what a table keeps, and the switches between that.
var modeScripts = []struct{ name, script string }{
	{"Live", `
		sync 1 LIVE
		upsert 1,x,y 2,x,y 3,x,y 4,x,y
		sync 2
		delete 1 9
		update.a 2,z 8,z 1,z
		live 3
		want 2,z,y@2 3,x,y@1 4,x,y@1
		sync 3
		upsert 1,n,n 3,x,y
		truncate 3
		live 2
		present 1
		sweep
		want 1,n,n@3`},
	{"LiveFresh", `
		sync 1 LIVE
		fresh 1,x,y 2,x,y
		delete 1
		fresh 3,x,y
		live 2
		sweep
		want`},
	{"History", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y
		sync 2
		upsert 1,z,y 2,x,y
		live 3
		want 1,x,y@2[1..2-] 1,z,y@2[2..] 2,x,y@2[1..] 3,x,y@1[1..]`},
	{"HistoryFresh", `
		sync 1 HISTORY
		fresh 1,x,y 2,x,y
		upsert 1,z,y
		fresh 3,x,y
		flush
		fresh 4,x,y
		live 4
		want 1,z,y@1[1..] 2,x,y@1[1..] 3,x,y@1[1..] 4,x,y@1[1..]`},
	{"HistoryOfNulls", `
		sync 1 HISTORY
		upsert 1,-,y 2,x,-
		sync 2
		upsert 1,-,y 2,-,-
		want 1,-,y@2[1..] 2,-,-@2[2..] 2,x,-@2[1..2-]`},
	{"HistoryLastOfDuplicates", `
		sync 1 HISTORY
		upsert 1,x,y
		sync 2
		upsert 1,a,a 1,b,b 1,x,y 2,a,a 2,b,b
		flush
		upsert 2,c,c
		want 1,x,y@2[1..] 2,c,c@2[2..]`},
	{"HistoryThereAndBack", `
		sync 1 HISTORY
		upsert 1,x,y
		sync 2
		upsert 1,z,z
		flush
		upsert 1,x,y
		want 1,x,y@2[1..]
		sync 3
		upsert 1,z,z
		want 1,x,y@3[1..3-] 1,z,z@3[3..]
		sync 4
		upsert 1,x,y
		want 1,x,y@3[1..3-] 1,x,y@4[4..] 1,z,z@4[3..4-]`},
	{"HistoryMissingColumn", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,-
		sync 2
		upsert.a 1,x 2,x
		want 1,x,-@2[2..] 1,x,y@2[1..2-] 2,x,-@2[1..]`},
	{"HistoryUpdate", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y
		delete 3
		sync 2
		update.a 1,p 1,q 2,x 3,q 9,q
		update.b 1,-
		want 1,q,-@2[2..] 1,x,y@2[1..2-] 2,x,y@2[1..] 3,x,y@1[1..1]`},
	{"HistoryDelete", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		delete 1 7
		update.a 1,z
		live 1
		want 1,x,y@1[1..2] 2,x,y@1[1..]
		sync 4
		delete 1
		upsert 1,x,y
		want 1,x,y@1[1..2] 1,x,y@4[4..] 2,x,y@1[1..]`},
	{"HistoryDeleteAndInsertInOneSync", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		delete 1 2
		flush
		upsert 1,x,y 2,z,z
		want 1,x,y@2[1..] 2,x,y@2[1..2-] 2,z,z@2[2..]`},
	{"HistoryTruncate", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y
		sync 2
		delete 3
		sync 3
		upsert 1,x,y
		truncate 3
		live 1
		upsert 4,x,y
		want 1,x,y@3[1..] 2,x,y@1[1..3] 3,x,y@1[1..2] 4,x,y@3[3..]
		sync 4
		truncate 4
		upsert 1,x,y 2,x,y 4,z,y
		want 1,x,y@4[1..] 2,x,y@1[1..3] 2,x,y@4[4..] 3,x,y@1[1..2] 4,x,y@4[3..4-] 4,z,y@4[4..]`},
	{"HistorySweep", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y
		sync 2
		present 1
		upsert 4,x,y
		present 4 3
		delete 3
		sweep
		live 2
		want 1,x,y@1[1..] 2,x,y@1[1..2] 3,x,y@1[1..2] 4,x,y@2[2..]`},
	{"HistoryCrash", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		upsert 1,z,y
		flush
		upsert 2,z,y
		delete 1
		crash
		sync 3
		upsert 1,z,y
		upsert 2,z,y
		delete 1
		want 1,x,y@2[1..2-] 1,z,y@3[2..3] 2,x,y@3[1..3-] 2,z,y@3[3..]`},
	{"HistoryRepeated", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y
		sync 2
		upsert 1,z,y
		update.a 2,z
		delete 2 3
		flush
		upsert 1,z,y
		update.a 2,z
		delete 2 3
		want 1,x,y@2[1..2-] 1,z,y@2[2..] 2,x,y@2[1..2-] 2,z,y@2[2..2] 3,x,y@1[1..2]`},
	{"HistoryColumnAdded", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		columns abc
		upsert.abc 1,x,y,- 2,x,y,z
		want 1,x,y,-@2[1..] 2,x,y,-@2[1..2-] 2,x,y,z@2[2..]`},
	{"LiveDrop", `
		sync 1 LIVE
		fresh 1,x,y 2,x,y
		drop a
		delete 2
		drop b
		want 1@1`},
	{"HistoryDrop", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		upsert 1,x,z
		drop b
		upsert.a 1,x 2,z
		want 1,x@2[1..] 2,x@2[1..2-] 2,z@2[2..]
		sync 3
		columns ab
		upsert 1,x,- 2,z,n
		want 1,x,-@3[1..] 2,x,-@2[1..2-] 2,z,-@3[2..3-] 2,z,n@3[3..]`},
	{"DropAndSwitch", `
		sync 1
		upsert 1,x,y 2,x,y
		delete 2
		sync 2 HISTORY
		drop b
		upsert.a 1,z
		sync 3 LIVE
		drop a
		want 1@2
		sync 4 SOFT_DELETE
		delete 1
		want 1@4!`},
	{"HistoryBrokenPromise", `
		sync 1 HISTORY
		fresh 1,a,a 1,b,b 2,a,a
		sync 2
		upsert 1,c,c
		live 2
		want 1,a,a@2[1..2-] 1,b,b@2[1..2-] 1,c,c@2[2..] 2,a,a@1[1..]`},
	{"HistoryFromTheSource", `
		sync 1 HISTORY
		upsert.sab 1,10,a,a 1,30,c,c 1,20,b,b 2,10,a,a 2,10,b,b
		want 1,a,a@1[10m..20m-] 1,b,b@1[20m..30m-] 1,c,c@1[30m..] 2,b,b@1[10m..]
		sync 2
		upsert.sab 1,20,b,b 1,30,c,c 1,70,c,c
		upsert.sab 1,80,d,d 2,70,c,c
		delete 2
		want 1,a,a@1[10m..20m-] 1,b,b@2[20m..30m-] 1,c,c@2[30m..70m-] 1,c,c@2[70m..80m-] 1,d,d@2[80m..] 2,b,b@2[10m..70m-] 2,c,c@2[70m..2]
		sync 3
		upsert.sab 2,170,d,d 3,250,a,a
		update.sa 1,170,e 1,175,f 9,170,e
		flush
		delete 3
		live 2
		want 1,a,a@1[10m..20m-] 1,b,b@2[20m..30m-] 1,c,c@2[30m..70m-] 1,c,c@2[70m..80m-] 1,d,d@3[80m..170m-] 1,e,d@3[170m..175m-] 1,f,d@3[175m..] 2,b,b@2[10m..70m-] 2,c,c@2[70m..2] 2,d,d@3[170m..] 3,a,a@3[250m..250m]`},
	{"HistoryDeletesFromTheSource", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y 4,x,y
		sync 2
		delete.s 1,70 3,80 9,90
		upsert.sab 1,90,z,z 2,100,z,z 5,95,p,p
		delete.s 2,100 2,101 5,110
		upsert.sab 5,120,q,q
		live 3
		want 1,x,y@1[1..70m] 1,z,z@2[90m..] 2,x,y@2[1..100m-] 2,z,z@2[100m..100m] 3,x,y@1[1..80m] 4,x,y@1[1..] 5,p,p@2[95m..110m] 5,q,q@2[2..]
		sync 3
		upsert.sab 1,90,z,z 2,100,z,z 5,95,p,p
		delete.s 2,100 2,101 5,110
		upsert.sab 5,120,q,q
		delete.s 1,121 4,121
		want 1,x,y@1[1..70m] 1,z,z@3[90m..121m] 2,x,y@2[1..100m-] 2,z,z@3[100m..100m] 3,x,y@1[1..80m] 4,x,y@1[1..121m] 5,p,p@3[95m..110m] 5,q,q@3[2..]`},
	{"HistoryDeletesOutOfOrder", `
		sync 1 HISTORY
		upsert.sab 1,10,a,a 2,10,a,a 3,10,a,a 4,10,a,a
		sync 2
		upsert.sab 1,150,b,b 2,150,b,b
		delete.s 1,140 2,140 3,160 4,160
		upsert.sab 2,150,c,c 3,155,c,c
		delete.s 4,150
		live 2
		want 1,a,a@2[10m..150m-] 1,b,b@2[150m..150m] 2,a,a@2[10m..150m-] 2,c,c@2[150m..] 3,a,a@2[10m..155m-] 3,c,c@2[155m..] 4,a,a@1[10m..160m]`},
	{"HistoryDeletesOfTwoKinds", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y 3,x,y 4,x,y
		sync 2
		delete.s 1,70 2,70
		upsert 1,x,y
		update.a 2,z 4,z
		delete.s 4,130
		delete 3
		delete.s 3,130
		update.sa 1,140,z
		delete.s 1,150
		upsert.sab 4,140,x,y
		delete 4
		want 1,x,y@1[1..70m] 1,x,y@2[2..140m-] 1,z,y@2[140m..150m] 2,x,y@1[1..70m] 3,x,y@1[1..2] 4,x,y@2[1..2-] 4,x,y@2[140m..140m] 4,z,y@2[2..130m]`},
	{"HistoryDeletesCrash", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		delete.s 1,70
		upsert.sab 1,80,z,z 2,80,z,z
		flush
		delete.s 1,90 2,90
		crash
		sync 3
		delete.s 1,70
		upsert.sab 1,80,z,z 2,80,z,z
		delete.s 1,90 2,90
		upsert.sab 2,95,x,y
		want 1,x,y@1[1..70m] 1,z,z@3[80m..90m] 2,x,y@2[1..80m-] 2,x,y@3[95m..] 2,z,z@3[80m..90m]`},
	{"SoftDeleteToHistoryAndBack", `
		sync 1
		upsert 1,x,y 2,x,y 3,x,y
		sync 2
		upsert 1,z,z
		delete 3
		sync 3 HISTORY
		live 2
		want 1,z,z@2[2..] 2,x,y@1[2..] 3,x,y@2[never..never]
		sync 4
		upsert 1,x,x 3,x,y
		delete 2
		want 1,x,x@4[4..] 1,z,z@4[2..4-] 2,x,y@1[2..4] 3,x,y@2[never..never] 3,x,y@4[4..]
		sync 5 SOFT_DELETE
		live 2
		want 1,x,x@4 2,x,y@1! 3,x,y@4
		sync 6
		upsert 2,n,n
		want 1,x,x@4 2,n,n@6 3,x,y@4`},
	{"SoftDeleteToLiveAndBack", `
		sync 1
		upsert 1,x,y 2,x,y
		delete 2
		sync 2 LIVE
		live 1
		want 1,x,y@1
		upsert 3,x,y
		sync 3 SOFT_DELETE
		delete 1
		want 1,x,y@3! 3,x,y@2`},
	{"HistoryToLiveAndBack", `
		sync 1 HISTORY
		upsert 1,x,y 2,x,y
		sync 2
		upsert 1,z,z
		delete 2
		sync 3 LIVE
		want 1,z,z@2
		upsert 2,x,y
		sync 4 HISTORY
		upsert 1,a,a
		want 1,a,a@4[4..] 1,z,z@4[2..4-] 2,x,y@3[3..]`},
	{"SwitchOfNothing", `
		sync 1
		sync 2 HISTORY
		sync 3 LIVE
		sync 4 HISTORY
		sync 5 SOFT_DELETE
		fresh 1,x,y
		live 1
		want 1,x,y@5`},
	{"SwitchThenCrash", `
		sync 1
		upsert 1,x,y 2,x,y
		delete 2
		sync 2 HISTORY
		upsert 1,z,y
		crash
		sync 3 HISTORY
		upsert 1,z,y
		want 1,x,y@3[1..3-] 1,z,y@3[3..] 2,x,y@1[never..never]`},
	{"SwitchOfWhatIsStaged", `
		sync 1
		upsert 1,x,y 2,x,y
		sync 2
		upsert 1,z,y
		delete 2
		crash
		sync 2
		upsert 1,z,y
		delete 2
		sync 3 LIVE
		want 1,z,y@2`},
}
