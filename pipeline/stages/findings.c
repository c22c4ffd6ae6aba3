/* Candidates: pools outside the dura, and what only looks like one. */
#include <math.h>
#include <string.h>

#include "ball_search.h"
#include "findings_parts.h"
#include "places.h"
#include "stage.h"
#include "tubes.h"

#define DIVERTICULUM(field, unit, low, high, preset, help) \
    {"diverticulum_" #field, unit, DM_FLOAT, offsetof(dm_findings_params, diverticula.field), low, high, preset, NULL, help}

#define DIVERTICULUM_AT(place, field, unit, low, high, preset, help) \
    {"diverticulum_" #place "_" #field, unit, DM_FLOAT, offsetof(dm_findings_params, diverticula.place.field), low, high, preset, NULL, help}

#define ODDS(name, term, low, high, preset, help) \
    {"diverticulum_odds_" #name, "1", DM_FLOAT, offsetof(dm_findings_params, diverticula.odds[term]), low, high, preset, NULL, help}

#define TRAP(field, unit, low, high, preset, help) \
    {"trap_" #field, unit, DM_FLOAT, offsetof(dm_findings_params, trap.field), low, high, preset, NULL, help}

#define VEIN(field, unit_, low_, high_, preset, help) \
    {"vein_" #field, unit_, DM_FLOAT, offsetof(dm_findings_params, vein.field), low_, high_, preset, NULL, help}

#define VEIN_ODDS(name, term, preset, help) \
    {"vein_odds_" #name, "1", DM_FLOAT, offsetof(dm_findings_params, vein.odds[DM_VEIN_##term]), -30, 30, preset, NULL, help}

static const dm_param table[] = {
    DM_PARAM_FLOAT(dm_findings_params, veto_length, "mm", 3, 30, 9, "Window along the spine in which a pool must fill most cells: three times a root sleeve, twice a spur."),
    DM_PARAM_FLOAT(dm_findings_params, veto_angle, "deg", 5, 90, 25, "The same window round the dura."),
    DM_PARAM_FLOAT(dm_findings_params, veto_length_lateral, "mm", 3, 40, 13, "Window along the spine at the sides: a root sleeve leaves the sac obliquely over 8 mm."),
    DM_PARAM_FLOAT(dm_findings_params, veto_angle_lateral, "deg", 5, 90, 35, "Window round the dura at the sides: a sleeve is 20 degrees wide."),
    DM_PARAM_FLOAT(dm_findings_params, veto_share, "1", 0.1, 0.5, 0.3, "Rank taken in that window."),
    DM_PARAM_FLOAT(dm_findings_params, hysteresis_low, "1", 0.02, 0.5, 0.07, "A pool reaches as far as the ratio stays above this."),
    DM_PARAM_FLOAT(dm_findings_params, hysteresis_high, "1", 0.05, 0.9, 0.12, "A pool holds a cell above this ratio; the score sorts out what is none."),
    DM_PARAM_FLOAT(dm_findings_params, core_share, "1", 0.1, 1, 0.5, "The part of a pool above this share of its highest ratio is weighed by itself too: sleeves and veins that touch it are no part of it. 1 = the whole alone."),
    DM_PARAM_FLOAT(dm_findings_params, half_angle, "deg", 0, 90, 75, "Two pools as bright along the same stretch, nearer to the front than this on either side of it, are halves of one that the midline's septum parts. 0 = never."),
    DM_PARAM_FLOAT(dm_findings_params, join, "mm", 0, 60, 20, "Pieces nearer than one vertebra are one collection: pedicles and the dura's ties cut it."),
    DM_PARAM_FLOAT(dm_findings_params, join_lateral, "mm", 0, 60, 6, "Lateral pieces join only this near: root sleeves stand in a row."),
    DM_PARAM_FLOAT(dm_findings_params, join_angle, "deg", 10, 180, 50, "Pieces further apart round the dura stay apart."),
    DM_PARAM_FLOAT(dm_findings_params, list_score, "1", 0, 1, 0.03, "Less probable candidates are not listed."),
    DM_PARAM_FLOAT(dm_findings_params, least_mm2, "mm2", 0, 100, 6, "Smaller patches on the dura are noise: two by three millimetres are a few voxels."),
    DM_PARAM_FLOAT(dm_findings_params, soft_tissue_hu, "HU", 0, 300, 130, "Scores count brightness above this CT value: epidural veins (60-120 HU), muscle and ligament are no contrast."),
    DM_PARAM_FLOAT(dm_findings_params, satellite_share, "1", 0.1, 1, 0.6, "A candidate with this share of its length beside a stronger one may be its satellite."),
    DM_PARAM_FLOAT(dm_findings_params, satellite_factor, "1", 1, 100, 2, "It is one when the other's odds are this many times higher."),
    DM_PARAM_FLOAT(dm_findings_params, odds_base, "1", -20, 20, -0.52, "Score of a pool = probability 1 / (1 + exp(-x)), x = this + ... Fitted by bench_leaks --fit-from (README tells on what)."),
    DM_PARAM_FLOAT(dm_findings_params, odds_size, "1", 0, 10, 0.79, "... + this * ln(share of rows filled * sqrt(length / 20 mm * area / 60 mm2)), both sizes capped, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_hard, "1", 0, 20, 0.45, "... + this * ln(low rank of E, its part above soft tissue), ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_fat, "1", -20, 20, 0.42, "... + this on MR with bright fat: what is brighter than the fat of the same angle is fluid less often than where fat is dark, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_over, "1", -20, 5, -0.43, "... + this on CT where the pool reads a tenth brighter than the sac it came from (in part from 1.0): bone, or the sac beside a lost surface, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_sacral, "1", -20, 5, -3.04, "... + this below the upper edge of S1, where the sac tapers and leaks are rare, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_dim, "1", -20, 5, -3.36, "... + this for each tenth (two at most) by which a pool on MR stays below fluid_share, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_usual, "1", -20, 5, -2.42, "... + this * share of the brightness that the same places of other vertebrae show too, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_alike, "1", -20, 5, -1.74, "... + this on CT * share of the brightness of a lateral pool that the other side shows too: ligament and sleeves come in pairs, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_corner, "1", -20, 5, -1.63, "... + this on CT where a pool in front lies 40 degrees (in part from 15) to one side: there body and pedicle meet."),
    DM_PARAM_FLOAT(dm_findings_params, odds_pair, "1", -20, 5, -2.24, "... + this on MR where the other side shows nine tenths of a lateral pool's brightness (in part from six tenths): the epidural plexus, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_behind, "1", -20, 5, -2.34, "... + this at 125 degrees from straight ahead (less within 30 of it): laminae come nearest there, and settled roots dent the dura, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_edge, "1", -5, 20, 2.74, "... + this * strength of the dura's edge beside the pool: what lies outside a dura that is not seen may lie inside, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_narrow, "1", -20, 5, -1.21, "... + this on CT * half of the blur's full widths by which the gap is narrower than 1.3 of them (1.5 halves at most), ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_roots, "1", -20, 5, -0.61, "... + this * share of the pool beside roots that have settled before the dura, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_ct, "1", -20, 20, -0.34, "... + this on CT, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_discs, "1", -20, 5, -1.91, "... + this on CT where a pool in front or behind is dark at discs (in part from 0.6 of what it is elsewhere): bone ends there, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_fall, "1", -20, 5, -0.57, "... + this on CT * strength of the dura's edge beyond what a pool so bright leaves of it: bone lies further out, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_dent, "1", -20, 5, -2.3, "... + this on CT for each mm (1.5 at most) beyond 1.1 by which the dura beside it lies further in than above and below: a dura makes no step, but one found in front of roots does, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_end, "1", -20, 5, -3.51, "... + this where its middle is 8 mm from an end of the line (in part from 20): the surfaces are held from one side only there, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_unusual, "1", -5, 10, 0.87, "... + this * ln(share of the sac by which a missing valley exceeds other vertebrae and the other side / 0.1), from 0.02 on: laminae touch the sac at every level; 0 where none compare, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_spill, "1", -5, 20, 2.4, "... + this on CT * brightness beyond the usual of a way out of a foramen beside a lateral pool, share of the pool's, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_touch, "1", -20, 5, -1.4, "... + this on CT * strength of the dura's edge * narrowness as in odds_narrow: a pool in a narrow gap leaves no sharp dura, bone that the sac touches does."),
    DM_PARAM_FLOAT(dm_findings_params, fluid_share, "1", 0, 1, 0.25, "MR: fluid outside the dura fills the window of veto_length with more than this share of the sac; blood in the epidural plexus with 0.2, and root sleeves do not fill it."),
    DM_PARAM_FLOAT(dm_findings_params, ventral_angle, "deg", 20, 80, 50, "Nearer to the front than this is ventral."),
    DM_PARAM_FLOAT(dm_findings_params, dorsal_angle, "deg", 100, 160, 130, "Further from the front than this is dorsal."),
    TRAP(c1c2_reach, "mm", 0, 40, 10, "Dorsal fluid above this point below the upper edge of C3 is the retrospinal sign, which does not tell the site."),
    TRAP(spur_length, "mm", 0, 30, 10, "A ventral candidate that is shorter than this, with what shines at its angle beyond its ends, is a spur or disc rim: phantoms' are 3 to 8 mm long; 12 mm are a leak."),
    TRAP(spur_dim, "1", 0, 1.2, 0.5, "MR: and dimmer than this share of the sac: bone and the rims of discs are dark there, a bulging disc may be half as bright as fluid."),
    TRAP(disc_bone_length, "mm", 0, 60, 25, "CT: one shorter than this, at a disc that is bone itself, grows out of it: a calcified disc, or its rim's spur. A vertebra and its discs are 25 mm long."),
    TRAP(disc_bone_share, "1", 0.1, 10, 0.6, "CT: that disc, before the canal's wall, is at least this share of the candidate's brightness; a disc has 60 to 120 HU."),
    TRAP(calcified, "1", 1, 5, 1.3, "CT: a candidate brighter than the sac by this factor is bone or calcified ligament: leaked contrast is diluted."),
    TRAP(injected, "1", 0.5, 3, 1.05, "CT: a long lumbar collection as bright as this share of the sac was injected there."),
    TRAP(injected_mm, "mm", 0, 300, 60, "And longer than this: two lumbar segments."),
    TRAP(renal_hu, "HU", 80, 500, 150, "Kidneys (beside T12 to L3) with parts brighter than this hold contrast; without it they have 30 HU."),
    TRAP(renal_ml, "ml", 0.05, 20, 0.3, "Smaller bright parts are stones."),
    TRAP(aorta_hu, "HU", 60, 300, 100, "Blood brighter than this holds contrast; without it it has 30 to 50 HU."),
    TRAP(metal_hu, "HU", 1800, 3071, 2500, "No bone is as bright as this."),
    TRAP(metal_ml, "ml", 0.01, 10, 0.2, "Less of it is a needle's tip or a clip."),
    TRAP(metal_reach, "mm", 0, 30, 3, "Streaks of metal spoil the slices within this distance of it."),
    TRAP(motion, "1", 1.5, 20, 3, "A step between neighbouring slices that is this many times the usual difference is motion."),
    DIVERTICULUM(score, "1", 0.01, 1, 0.5, "Least probability of a diverticulum that is listed: more likely one than not."),
    DIVERTICULUM(least, "mm", 3, 10, 5.0, "Smaller balls are normal root sleeves: 3 to 5 mm wide (medical notes 5.2)."),
    DIVERTICULUM(most, "mm", 6, 20, 12.5, "Larger balls are the lateral masses of the neck: the search ends at this size."),
    DIVERTICULUM(prominent, "mm", 4, 12, 6, "Larger diverticula are prominent."),
    DIVERTICULUM(full, "mm", 3, 12, 7, "The search for balls favours them up to this size: sleeves are up to 5 mm wide and are measured up to a millimetre too wide."),
    DIVERTICULUM(value, "1", 0.1, 1, 0.6, "And up to this share of the sac's brightness: roots and ganglia take up to a quarter."),
    DIVERTICULUM(soft_hu, "HU", 0, 150, 60, "Muscle, ganglia and blood are up to this bright on CT: a ball's edge is where it falls half way to them."),
    DIVERTICULUM_AT(root, score, "1", 0.01, 1, 0.07, "Balls at a root that stand out less are not measured."),
    DIVERTICULUM_AT(root, free_edge, "1", 0, 1, 0.25, "Least share of their edge that falls to something darker: the rest may touch bone."),
    DIVERTICULUM_AT(root, rim, "1", 0, 1, 0.25, "Most by which their rim may be brighter than their middle."),
    ODDS(base, DM_BALL_ONE, -30, 30, 7.68, "Probability of a diverticulum = 1 / (1 + exp(-x)), x = this + ... 194 studies, then 102, 108, 108 and 108, 48 in a real chest (bench_sacs --near); lift, value, way by hand, ..."),
    ODDS(size, DM_BALL_SIZE, 0, 20, 5.43, "... + this * ln(diameter / 6 mm), from 8 mm on alike, ..."),
    ODDS(edge, DM_BALL_EDGE, 0, 30, 11.1, "... + this * ln(share of the edge that is seen, times how even it is inside), ..."),
    ODDS(uneven, DM_BALL_UNEVEN, -30, 0, -21.2, "... + this * standard deviation inside along the rays that leave it free, share of its value: bone is uneven, ..."),
    ODDS(round, DM_BALL_ROUND, -100, 0, -17.31, "... + this * median distance of its edge from one radius, share of that: knobs of bone are no spheres, ..."),
    ODDS(joined, DM_BALL_JOINED, -30, 30, 0.71, "... + this * share of its rays that go on as bright, with nothing brighter behind: bone, or the sleeve, ..."),
    ODDS(way, DM_BALL_WAY, 0, 10, 2.5, "... + this * ln(darkest of the way to the sac, share of its value, 0.05 to 1): fat or a joint parts bone from the sac, ..."),
    ODDS(cross, DM_BALL_CROSS, -30, 0, -8.46, "... + this (CT) * what the brightest of that way exceeds 1.33 times the sac by, share: cortex between them, ..."),
    ODDS(behind, DM_BALL_BEHIND, 0, 10, 3.53, "... + this (CT) * 1 with bone behind it, 0 with muscle: foramina lie before the articular processes, ..."),
    ODDS(lift, DM_BALL_LIFT, 0, 10, 2.3, "... + this * ln(share of the sac by which it is brighter than the median of the same place on the other side and at other foramina), ..."),
    ODDS(value, DM_BALL_VALUE, 0, 10, 2, "... + this * ln(its brightness, share of the sac above soft tissue), ..."),
    ODDS(over, DM_BALL_OVER, -30, 0, -5.91, "... + this (CT) * what it exceeds 1.33 times the sac by, share, ..."),
    ODDS(rim, DM_BALL_RIM, -60, 0, -19.02, "... + this * what its rim is brighter than its middle, share: bone under its cortex, ..."),
    ODDS(ct, DM_BALL_CT, -30, 30, -1.2, "... + this on CT, ..."),
    ODDS(bony, DM_BALL_BONY, -30, 30, 3.93, "... + this * share of its rays that meet something brighter within 3 mm of its edge: bone beside it; a knob of bone is the brightest itself, ..."),
    ODDS(height, DM_BALL_HEIGHT, -5, 0, -0.85, "... + this * mm along the spine beyond 3 mm from where its root leaves, 8 at most, ..."),
    ODDS(out, DM_BALL_OUT, -5, 0, -0.23, "... + this * mm by which it lies more than 2 mm outside the bony wall, 10 at most, ..."),
    ODDS(turn, DM_BALL_TURN, -10, 0, -1.98, "... + this * tens of degrees beyond 65 to 115 from straight ahead, 4 at most: in front lie bodies, behind joints."),
    DIVERTICULUM(cyst, "mm", 4, 20, 7, "Smaller balls in the sacral canal are roots, veins and the sac's own end."),
    DIVERTICULUM(cyst_score, "1", 0.1, 1, 0.7, "Least score of a cyst: share of its edge that is seen, times how even it is inside, less where small or dim. Marrow and roots in the sacrum reach .65 on 18 drawn CT, a cyst by itself .95."),
    DIVERTICULUM(cyst_value, "1", 0.1, 1, 0.7, "A cyst is at least as bright as this share of the sac: the sacrum's marrow, round between its shells, is dimmer."),
    DIVERTICULUM(cyst_angle, "deg", 60, 180, 130, "Further back lie the sacrum's laminae."),
    DIVERTICULUM_AT(sacral, score, "1", 0.01, 1, 0.29, "Balls in the sacrum that stand out less are not measured."),
    DIVERTICULUM_AT(sacral, free_edge, "1", 0, 1, 0.45, "Least share of a cyst's edge that falls to soft tissue: marrow touches nothing else than bone."),
    DIVERTICULUM_AT(sacral, rim, "1", 0, 1, 0.08, "A ball whose rim is brighter than its middle by this share is bone under its cortex."),
    VEIN(low, "HU", 1, 50, 6, "A vein reaches as far as the tube response exceeds by this what is usual at other foramina."),
    VEIN(high, "HU", 2, 100, 10, "And holds a voxel above this."),
    VEIN(usual, "1", 0, 1.5, 0.8, "Share of what is usual (other side, three foramina up and down) that is subtracted; 0 = no comparison."),
    VEIN(rank, "1", 0.3, 1, 0.5, "Rank of the responses at other foramina that counts as usual."),
    VEIN(least_hu, "HU", 40, 200, 70, "Fistula veins are above 70 HU at 120 kVp, control veins below (medical notes 2.2); the part above blood is scaled to the tube voltage."),
    VEIN(blood_hu, "HU", 0, 70, 45, "Blood without contrast: the part of a vein's brightness that does not change with the tube voltage."),
    VEIN(calcium_hu, "HU", 150, 2000, 250, "Tubes that are brighter on the whole are calcium and thin bone rather than contrast: fistula veins have 60 to 140 HU, seldom more (medical notes 2.2)."),
    VEIN_ODDS(base, ONE, -7.01, "Vein by itself: 1 / (1 + exp(-x)), x = this + ... (33 phantoms, 33 painted thoraxes, then 32 and 32; bench_sacs --near). Score: its odds over 1 and those of all candidates, ..."),
    VEIN_ODDS(bright, BRIGHT, 3.51, "... + this * ln(brightness above blood, share of that of the least hyperdense vein), ..."),
    VEIN_ODDS(short, SHORT, 0.13, "... + this * ln(length / 15 mm), 0 from there on: tips of sleeves are shorter, draining veins are 5 to 30 mm long, ..."),
    VEIN_ODDS(long, LONG, -0.8, "... + this * cm beyond 22 mm: ribs, vessels and the edges of muscles are longer, ..."),
    VEIN_ODDS(far, FAR, -5.19, "... + this * distance of its start from the foramen beyond 8 mm, share of 12 mm: the first millimetres hide beside the root, ..."),
    VEIN_ODDS(own, OWN, 0.75, "... + this * brightness beyond the study's own veins, in their spreads, -2 to 4, ..."),
    VEIN_ODDS(root, ROOT, -1.2, "... + this when it is as bright as the study's own roots, ..."),
    VEIN_ODDS(calcium, CALCIUM, -3.24, "... + this * brightness beyond calcium_hu, 100 HU, ..."),
    VEIN_ODDS(tube, TUBE, 1.28, "... + this * ln(tube response, share of its brightness above blood): the edge of bone is a poor tube, ..."),
    VEIN_ODDS(usual, USUAL, -2.47, "... + this * share of the response that other foramina show too, ..."),
    VEIN_ODDS(wide, WIDE, 4.2, "... + this * ln(width / 2 mm): rims of bone are thin, ..."),
    VEIN_ODDS(front, FRONT, 1, "... + this * cm in front of the line: facets and laminae lie behind, ..."),
    VEIN_ODDS(out, OUT, 3.23, "... + this * cm outside the bony wall: tips of sleeves lie near to it, ..."),
    VEIN_ODDS(upper, UPPER, -4.78, "... + this at the foramina of C8 and T1, where the first rib lies; fistulas lie from T4 to L1 (medical notes 1.2), ..."),
    VEIN_ODDS(peak, PEAK, -3.28, "... + this * brightness of its brightest voxel beyond its own and three s.d. of the noise, 100 HU: a vein is filled evenly, cortex is not, ..."),
    VEIN_ODDS(lower, LOWER, -3, "... + this at the foramina of L2 and below, where sleeves are long, by hand: none of 48 fistulas lay below L1 (medical notes 1.2), half of one were a twentieth of chance."),
    VEIN(solid_hu, "HU", 150, 600, 250, "Bone, and sleeves and roots full of contrast, are brighter than this after the blur of 0.9 mm and joined to something far brighter; of a vein of 330 HU and 3 mm that blur leaves less."),
    VEIN(closed, "1", 4, 8, 6, "In this many of 8 directions round a vein it grows darker before anything brighter comes: edges of bone are open towards the bone."),
    VEIN(least_mm, "mm", 3, 30, 6, "Shorter pieces are ends of sleeves and of facets; the first millimetres of a vein hide beside the root."),
    VEIN(most_mm, "mm", 10, 200, 35, "Longer pieces are ribs, vessels and the edges of muscles: draining veins are seen over 5 to 30 mm."),
    VEIN(near_mm, "mm", 2, 60, 20, "A vein is seen from this near to its foramen on; beyond 8 mm it counts less: its first part hides beside the root."),
    VEIN(chain, "mm", 0, 20, 5, "Pieces of one side nearer than this and alike in brightness are one vein: where it passes bone it is hidden."),
    VEIN(wall_gap, "mm", 0, 15, 4, "Nearer to the bony wall than this lie root sleeves."),
    VEIN(end_mm, "mm", 0, 30, 2, "What comes this near to the ends of the line is cut by the scan, or lies where the line is not held from both sides."),
    VEIN(body_base, "1", -30, 0, -9, "Score of a vein inside a vertebral body = 1 / (1 + exp(-x)), x = this + ... By hand: one such case is known, and a dozen bodies are asked in each study, ..."),
    VEIN(body_over, "1", 0, 10, 1, "... + this * tube response on the way forwards beyond that of the other bodies, in their spreads."),
    VEIN(body_spread, "HU", 0.5, 20, 2, "That spread is at least this: bodies of phantoms without a vein exceed the others by 9 HU at most (76 bodies), one of a real thorax by 14 HU or more."),
    VEIN(list_score, "1", 0, 1, 0.02, "Weaker candidates are not listed."),
};

/* Class, side and place of the root come with the pools; the rest is where bright things mislead. */
static dm_status candidates(dm_gpu *gpu, const dm_findings_params *p, dm_study *st, const dm_traps *traps) {
    DM_TRY(dm_pools_find(p, st));
    for (int i = 0; i < st->findings.n; i++) {
        dm_finding *f = &st->findings.f[i];
        f->false_sign = dm_trap_of(&p->trap, st, traps, f);
    }
    DM_TRY(dm_diverticula_find(gpu, &p->diverticula, st));
    dm_diverticula_explain(st);
    DM_TRY(dm_veins_find(gpu, &p->vein, st));
    dm_findings_sort(&st->findings);
    return dm_ok;
}

static dm_status run(dm_gpu *gpu, const void *params, dm_study *st) {
    const dm_findings_params *p = params;
    dm_traps traps;
    if (st->map.n != st->spine.n || st->map.n == 0)
        return dm_fail(DM_STUDY, "no_map", "findings need the dura map of the whole centre line");
    memset(&st->findings, 0, sizeof st->findings);
    DM_TRY(dm_traps_study(&p->trap, st, &traps));
    dm_status status = candidates(gpu, p, st, &traps);
    dm_traps_free(&traps);
    return status;
}

static const char same_order[] = "same operations in the same order; divisions and roots rounded correctly";
static const dm_kernel_check checks[] = {
    {"hough_spheres", 0.0, same_order, dm_hough_compare},
    {"tube_blur", 0.0, same_order, dm_tube_compare_blur},
    {"tube_response", 0.0, same_order, dm_tube_compare_response},
};

const dm_stage dm_stage_findings = {
    .name = "findings",
    .reads = "map, canal, levels, crop.raw, crop.coarse",
    .fills = "findings, qc",
    .params = table,
    .n_params = sizeof table / sizeof *table,
    .params_size = sizeof(dm_findings_params),
    .run = run,
    .checks = checks,
    .n_checks = sizeof checks / sizeof *checks,
};
