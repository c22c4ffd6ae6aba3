/* What each part of map and findings is worth: figures with it switched off. */
#include "leaks.h"

const ablation ablations[] = {
    {"nothing", ""},
    {"window that a pool must fill", "findings.veto_length=3,findings.veto_angle=5,findings.veto_length_"
                                     "lateral=3,findings.veto_angle_lateral=5"},
    {"least area of a patch", "findings.least_mm2=0"},
    {"pieces joined", "findings.join=0,findings.join_lateral=0"},
    {"cores weighed by themselves", "findings.core_share=1"},
    {"halves beside the septum", "findings.half_angle=0"},
    {"satellites dropped", "findings.satellite_factor=100"},
    {"soft tissue taken off", "findings.soft_tissue_hu=0"},
    {"score: brighter than the sac", "findings.odds_over=0"},
    {"score: sacral", "findings.odds_sacral=0"},
    {"score: dimmer than fluid (MR)", "findings.odds_dim=0"},
    {"score: bright fat (MR)", "findings.odds_fat=0"},
    {"score: other vertebrae show it too", "findings.odds_usual=0"},
    {"score: the other side shows it too", "findings.odds_alike=0,findings.odds_pair=0"},
    {"score: corner of body and pedicle", "findings.odds_corner=0"},
    {"score: laminae and roots behind", "findings.odds_behind=0,findings.odds_roots=0"},
    {"score: the dura is seen", "findings.odds_edge=0"},
    {"score: narrow gap (CT)", "findings.odds_narrow=0"},
    {"score: bone ends at discs (CT)", "findings.odds_discs=0"},
    {"score: edge against brightness (CT)", "findings.odds_fall=0"},
    {"score: the dura makes no step (CT)", "findings.odds_dent=0"},
    {"trap (with --all): calcified", "findings.trap_calcified=5"},
    {"trap (with --all): spur", "findings.trap_spur_length=0"},
    {"trap (with --all): C1-2", "findings.trap_c1c2_reach=0"},
    {"map: bone that reaches the dura", "map.edge_least=1"},
    {"map: cortex of bodies", "map.cortex=0"},
    {"map: fall of chi-square", "map.gain_least=0"},
    {"map: height between the edges", "map.height_least=0.05"},
    {"map: valley", "map.valley_gain=10"},
    {"map: least excess", "map.least_excess_hu=0"},
    {"map: on the bone only where it is seen", "map.bone_least=0"},
    {"map: tissue is that of the region (CT)", "map.tissue_half=1000"},
    {"map: nerve roots are dents", "map.dent=5"},
    {"map: line between two layers (MR)", "map.membrane_from=30,map.membrane_full=60"},
    {NULL, NULL},
};

static int found(const tally *t, double least) {
    int n = 0;
    for (int i = 0; i < t->n_lesions; i++) n += tally_is_goal(&t->lesions[i]) && t->lesions[i].best > least;
    return n;
}

/* What the studies' answers would rest on: accepted hits, accepted false marks, misleading pools taken for
 * leaks. */
static void accepted(const tally *t) {
    int goal = 0, hit = 0, wrong = 0, misled = 0;
    for (int i = 0; i < t->n_lesions; i++)
        if (tally_is_goal(&t->lesions[i])) goal++, hit += t->lesions[i].accepted;
    for (int i = 0; i < t->n_marks; i++) {
        const mark *m = &t->marks[i];
        wrong += tally_is_false(m) && m->accepted, misled += m->sign && m->accepted;
    }
    printf("  | %d of %d, %.2f, %d\n", hit, goal, t->studies ? (double)wrong / t->studies : 0.0, misled);
}

void ablation_report(tally *const *t, int n) {
    static const double rate[] = {0.125, 0.25, 0.5, 1};
    printf("pools of 1 mm and ratio .2 found, at so many false marks a study:\n%-42s", "switched off");
    for (int k = 0; k < 4; k++) printf(" %6.3f", rate[k]);
    printf("  | accepted; false marks accepted a study; misleading pools taken\n");
    for (int a = 0; a < n; a++) {
        printf("%-42s", ablations[a].name);
        for (int k = 0; k < 4; k++) printf(" %6d", found(t[a], tally_score_at(t[a], rate[k])));
        accepted(t[a]);
    }
}
