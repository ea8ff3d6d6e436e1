// Written by tools/special_coefficients.py, which says what the numbers are.
#pragma once

#include "kriss/config.hpp"

// Constants of the compiler; whoever compiles for a device says where they lie there.
#if !defined(KRISS_TABLE)
#define KRISS_TABLE inline constexpr
#endif

KRISS_NAMESPACE_BEGIN

namespace special_coefficients {

template <int N>
struct Row {
    int size;
    double c[N];
};

inline constexpr double eta_zero = 0x1.53531aff7ce6dp-1;
inline constexpr double eta_zero_low = 0x1.2ce0dafecc8fbp-57;
inline constexpr double k_centre = 0x1.41a41a41a41a4p-1;
inline constexpr double k_half = 0x1.b21642c8590b2p+1;
KRISS_TABLE double eta_taylor[16] = {
    0x1.cf6756d4488f4p+0, -0x1.e5d470bae22e1p-1, 0x1.19a39ebffbb79p+0, -0x1.4b98d3426fcd7p+0,
    0x1.9250cf6c8eb5ep+0, -0x1.f895650220565p+0, 0x1.45a916aa2c247p+1, -0x1.adbfdce28d3bap+1,
    0x1.203ba2327a2c2p+2, -0x1.877b8de4a26d2p+2, 0x1.0c8403002d54ep+3, -0x1.736474e313379p+3,
    0x1.02a2b7237fc22p+4, -0x1.6a5f4c944e037p+4, 0x1.fe53050d6b18cp+4, -0x1.68f24f98f25e6p+5};
KRISS_TABLE double reciprocal_gamma[23] = {
    0x1.0000000000000p+0,   0x1.2788cfc6fb619p-1,   -0x1.4fcf4026afa2ep-1,  -0x1.5815e8fa27048p-5,
    0x1.5512320b43fbep-3,   -0x1.59af103c34092p-5,  -0x1.3b4af28483e21p-7,  0x1.d919c527f60b2p-8,
    -0x1.317112ce3a2a8p-10, -0x1.c364fe6f1563dp-13, 0x1.0c8a78cd9f9d2p-13,  -0x1.51ce8af47eabep-16,
    -0x1.4fad41fc34fbbp-20, 0x1.302509dbc0de3p-20,  -0x1.b9986666c225dp-23, 0x1.a44b7ba22d629p-28,
    0x1.57bc3fc384334p-28,  -0x1.44b4cedca388fp-30, 0x1.cae7675c18607p-34,  0x1.11d065bfaf067p-37,
    -0x1.0423bac8ca3fbp-38, 0x1.1f20151323cd0p-41,  -0x1.72cb88ea5ae6ep-46};
KRISS_TABLE double stirling[9] = {0x1.5555555555555p-4,   -0x1.6c16c16c16c17p-9, 0x1.a01a01a01a01ap-11,
                                  -0x1.3813813813814p-11, 0x1.b951e2b18ff23p-11, -0x1.f6ab0d9993c7dp-10,
                                  0x1.a41a41a41a41ap-8,   -0x1.e4286cb0f5398p-6, 0x1.6fe96381e0680p-3};
KRISS_TABLE double digamma[9] = {0x1.5555555555555p-4,  -0x1.1111111111111p-7, 0x1.0410410410410p-8,
                                 -0x1.1111111111111p-8, 0x1.f07c1f07c1f08p-8,  -0x1.5995995995996p-6,
                                 0x1.5555555555555p-4,  -0x1.c5e5e5e5e5e5ep-2, 0x1.86e7f9b9fe6e8p+1};
KRISS_TABLE Row<14> uniform[14] = {
    {1, {0x1.0000000000000p+0}},
    {2, {0x1.0000000000000p-3, -0x1.aaaaaaaaaaaabp-3}},
    {3, {0x1.2000000000000p-4, -0x1.9aaaaaaaaaaabp-2, 0x1.5638e38e38e39p-2}},
    {4, {0x1.2c00000000000p-4, -0x1.c84cccccccccdp-1, 0x1.d8b1c71c71c72p+0, -0x1.069ba781948b1p+0}},
    {5,
     {0x1.cb60000000000p-4, -0x1.2e9a666666666p+1, 0x1.1940800000000p+3, -0x1.669fc3f35ba78p+3, 0x1.2ada78a021b64p+2}},
    {6,
     {0x1.d11e000000000p-3, -0x1.d79a53a83a83bp+2, 0x1.5447ad6c16c17p+5, -0x1.6f45e11c71c72p+6, 0x1.528b7ca566307p+6,
      -0x1.c364a631dd95fp+4}},
    {7,
     {0x1.251ee80000000p-1, -0x1.a7dce636db6dbp+4, 0x1.b4618ac15dc91p+7, -0x1.5dca313ad82d8p+9, 0x1.08ff639300000p+10,
      -0x1.7ea050e044d42p+9, 0x1.a923e815a1cf4p+7}},
    {8,
     {0x1.ba4c598000000p+0, -0x1.b05d1a13b6db7p+6, 0x1.2c39c95483d71p+10, -0x1.4b9a5a063f1c7p+12, 0x1.6c3b258dcc4bep+13,
      -0x1.a8946669c5f9bp+13, 0x1.f7db8e0e6ff83p+12, -0x1.dfdd4a56e48aep+10}},
    {9,
     {0x1.84bd1aa980000p+2, -0x1.edea5169e2492p+8, 0x1.bc583a953f412p+12, -0x1.41d14f581555cp+15, 0x1.dd58770920853p+16,
      -0x1.8d4416b11fe98p+17, 0x1.7811802863395p+17, -0x1.7ad4992fff6c7p+16, 0x1.3bb12a52aa2fbp+14}},
    {10,
     {0x1.8616a64f6c000p+4, -0x1.387a934e97623p+11, 0x1.614589b7ecd85p+15, -0x1.43df4b09fcb1fp+18,
      0x1.35a8d45f867f0p+20, -0x1.5773d9d00c99dp+21, 0x1.cb623a6199ae4p+21, -0x1.6df7ff592a81cp+21,
      0x1.404139d5a8d89p+20, -0x1.da73980d20117p+17}},
    {11,
     {0x1.b8118d37ff700p+6, -0x1.b1f0b7d0cbfb1p+13, 0x1.2cf699e52c822p+18, -0x1.540a91065230fp+21,
      0x1.958a7e55353d9p+23, -0x1.1e9d645493e4cp+25, 0x1.fa2b20232a522p+25, -0x1.1ab04f0d89c04p+26,
      0x1.84bccd3f0fa29p+25, -0x1.2cb3c31e51931p+24, 0x1.90efaed3176ecp+21}},
    {12,
     {0x1.13aafea4e5774p+9, -0x1.48256f009b97ep+16, 0x1.11e5c16c629afp+21, -0x1.7571ceb9ca037p+24,
      0x1.0ef6a77985642p+27, -0x1.d8ead78466863p+28, 0x1.07e453034ac45p+30, -0x1.827ee7a06eeffp+30,
      0x1.7268078e48462p+30, -0x1.bff876bd73df6p+29, 0x1.367d9d22f8e58p+28, -0x1.785a32d50ea99p+25}},
    {13,
     {0x1.7bc2e57729724p+11, -0x1.0c7a4a7b78e16p+19, 0x1.096da38dd1835p+24, -0x1.ad5adfbc76170p+27,
      0x1.73c2e3e3845c1p+30, -0x1.8733ea609e897p+32, 0x1.0b89e3d8c9f56p+34, -0x1.ec227ad1733f1p+34,
      0x1.338fb49d78209p+35, -0x1.0207616f8514bp+35, 0x1.1679daa552eedp+34, -0x1.5dab67540d45ep+32,
      0x1.84858f40f24dap+29}},
    {14,
     {0x1.1d47059b0d98ap+14, -0x1.d8a2cb8a63829p+21, 0x1.110d4e9701237p+27, -0x1.0258a06e72954p+31,
      0x1.06c7289bb5702p+34, -0x1.475491eb205f5p+36, 0x1.0c20dd26c89a3p+38, -0x1.2c857cd0fac0cp+39,
      0x1.d575cfc9e2c3ap+39, -0x1.ff7885a2e2725p+39, 0x1.7d7a79bfd9279p+39, -0x1.73aff169e1ddbp+38,
      0x1.aa8a07524069bp+36, -0x1.b579e01fd909fp+33}},
};
KRISS_TABLE Row<7> k_value[16] = {
    {7,
     {0x1.f96c3d2b744d0p-1, 0x1.a25ec438c7d87p-7, 0x1.47b1d97ee22a3p-14, 0x1.45b2f455bbacdp-22, 0x1.d04000ab6ad58p-31,
      0x1.fc0ec664f3936p-40, 0x1.be0eee0d2f2e8p-49}},
    {7,
     {0x1.74192d0c61884p-7, -0x1.6fa597b381e16p-7, -0x1.1b4526c5e60abp-13, -0x1.9eab2c1bbd3cap-21,
      -0x1.8340c2e5b1ef4p-29, -0x1.049dca846d200p-37, -0x1.0e78cad939745p-46}},
    {7,
     {-0x1.210307a051e56p-10, 0x1.0ea7fea535dd1p-10, 0x1.22b3c8088cdb1p-14, 0x1.7c675f466d0adp-21,
      0x1.fabc224da5d9bp-29, 0x1.b81a98b267ee2p-37, 0x1.167fb45accd4bp-45}},
    {7,
     {0x1.5507ac98176fcp-13, -0x1.3cb7a45151fbcp-13, -0x1.7b507c9002ca0p-17, -0x1.33687bf8978edp-22,
      -0x1.4ab2f7d3a256cp-29, -0x1.8b9362b288021p-37, -0x1.3dc24d387572cp-45}},
    {7,
     {-0x1.6a7063a906524p-16, 0x1.448bd63d67426p-16, 0x1.26e2853a5e210p-19, 0x1.0480b02c88a9fp-24,
      0x1.dac5c95056059p-31, 0x1.a0694dd18896ap-38, 0x1.bbb5a62ff44cfp-46}},
    {7,
     {0x1.d70a3ca3d374dp-19, -0x1.a5e91a76b7500p-19, -0x1.7a3b0f1f3fe10p-22, -0x1.d2624c40f958bp-27,
      -0x1.d30de09308fdcp-33, -0x1.1ac190bfe9136p-39, -0x1.9577758365c23p-47}},
    {7,
     {-0x1.08a7b052ea8c5p-21, 0x1.c781f2eb67238p-22, 0x1.1c2e1650e76c2p-24, 0x1.59da2c8b2efcfp-29,
      0x1.c1b215268af2fp-35, 0x1.2fc942aea93f9p-41, 0x1.0d2bcaa7e54f4p-48}},
    {7,
     {0x1.7842af3e375b0p-24, -0x1.49ab7afa50e09p-24, -0x1.628a3a3581b77p-27, -0x1.1d163043d94e1p-31,
      -0x1.73467fcff517cp-37, -0x1.30e5b47c300ecp-43, -0x1.2fdf7496286f5p-50}},
    {7,
     {-0x1.94ebc429dd678p-27, 0x1.4c15e57c56dadp-27, 0x1.16b5629ef6781p-29, 0x1.89ff890a32c26p-34,
      0x1.4421864da7cdfp-39, 0x1.10f984cac1cdap-45, 0x1.39d55a88b349bp-52}},
    {7,
     {0x1.5193b1694c35bp-29, -0x1.272252878a80fp-29, -0x1.3e7ca465facc5p-32, -0x1.4923cc08250d3p-36,
      -0x1.e88bafb067ec5p-42, -0x1.ee53148b64f47p-48, -0x1.2a1beb78f7049p-54}},
    {7,
     {-0x1.1d1104eb40808p-32, 0x1.a22692298e2cap-33, 0x1.22bc126562e25p-34, 0x1.99ed8fe53880cp-39,
      0x1.a76ab4c5042f5p-44, 0x1.9172b3c2b5238p-50, 0x1.1555052aea4b0p-56}},
    {6,
     {0x1.6ab0e97b16223p-34, -0x1.48c63eacbcb64p-34, -0x1.ed29871d2870bp-38, -0x1.82e8adb80eec5p-41,
      -0x1.1e768c1e6f5b9p-46, -0x1.62a3ec288d8bdp-52}},
    {6,
     {-0x1.aa694ec399da1p-39, 0x1.300f2fc34c9c6p-41, 0x1.5228f0b55dc76p-39, 0x1.76b4b2c2041c0p-44,
      0x1.09bc30eb48b2fp-48, 0x1.03ef978cc60f8p-54}},
    {6,
     {0x1.ea057c2f439bcp-39, -0x1.daaacb5b21610p-39, -0x1.703c34637f0e2p-44, -0x1.e2e6b7a0c6236p-46,
      -0x1.289e80e424c42p-51, -0x1.da2541b34590cp-57}},
    {5,
     {0x1.d127f2988ba0dp-41, -0x1.1cbc9a50b9f7dp-40, 0x1.a1a5ab68072bdp-43, -0x1.b9bcc6a5b2338p-52,
      0x1.ebf73a678c5c5p-53}},
    {4, {0x1.f3436c607a27dp-42, -0x1.0b93b3c762eaap-41, 0x1.340d38949d293p-45, -0x1.4ebe8eec4196ap-49}},
};
KRISS_TABLE Row<7> k_slope[16] = {
    {7,
     {0x1.18e2059a48f39p+0, 0x1.1427be1eeeacep-6, 0x1.f1e6c402e68cbp-14, 0x1.16a3445e22ccfp-21, 0x1.b82a71275ccbep-30,
      0x1.07b067854e9a2p-38, 0x1.f6144e495f54ap-48}},
    {7,
     {-0x1.7a81699b9ab34p-4, -0x1.305a5e2d1f781p-6, -0x1.fb4b10d8106aep-13, -0x1.96500c196f387p-20,
      -0x1.9cf3cae3a49bep-28, -0x1.2c529dcf203efp-36, -0x1.4e9cfa609626fp-45}},
    {7,
     {0x1.e47ab9acb6363p-7, 0x1.53b66a17cd538p-8, 0x1.6b4545ac01b4dp-13, 0x1.cea929bfe61a1p-20, 0x1.3f1c258581638p-27,
      0x1.231d6fb50b199p-35, 0x1.842f1a9ea03fcp-44}},
    {7,
     {-0x1.4d2ce827a6f18p-9, -0x1.1264380db0478p-10, -0x1.ea077e4497708p-15, -0x1.0c53568493315p-20,
      -0x1.09a6b8a0b356ap-27, -0x1.3b57ee9a121d4p-35, -0x1.0218ffc33412ap-43}},
    {7,
     {0x1.cb8440aa7371ep-12, 0x1.b3b742c61e9cep-13, 0x1.e0b43b9c06e91p-17, 0x1.773922db36d99p-22, 0x1.0cdcaf8baf5a4p-28,
      0x1.aaa46f082aedep-36, 0x1.b6f7728f3e452p-44}},
    {7,
     {-0x1.432325b1406a3p-14, -0x1.4943d6f57c167p-15, -0x1.b57e6397d3037p-19, -0x1.995a256f5970cp-24,
      -0x1.794d498483e7cp-30, -0x1.889221cc903b0p-37, -0x1.ffb85fa9ca525p-45}},
    {7,
     {0x1.c525b574dfe0bp-17, 0x1.f436102659bbep-18, 0x1.706d33bc00622p-21, 0x1.95be06b8ecdadp-26, 0x1.b509498df8e34p-32,
      0x1.1284cc3320b13p-38, 0x1.b7e90b564eebbp-46}},
    {7,
     {-0x1.422b0d94abd01p-19, -0x1.71723b9c38741p-20, -0x1.3143d53b74823p-23, -0x1.72403536d4452p-28,
      -0x1.c94936c93c978p-34, -0x1.48f00b41c4649p-40, -0x1.31fbddc7a711bp-47}},
    {7,
     {0x1.c6555f0ea35ebp-22, 0x1.152c1cca3f931p-22, 0x1.e49df05716f84p-26, 0x1.47947ee1cdddbp-30, 0x1.ba72f7a686cc5p-36,
      0x1.64d5495215a55p-42, 0x1.758ef58b2a0a2p-49}},
    {7,
     {-0x1.45f425514c7e7p-24, -0x1.9319730c5c516p-25, -0x1.8304eee0edbc7p-28, -0x1.14583bc72db3dp-32,
      -0x1.9aec7dd28ef76p-38, -0x1.6853664d86907p-44, -0x1.9fa1ce4f69d91p-51}},
    {7,
     {0x1.caf811d123d19p-27, 0x1.2f300d1cd1ffcp-27, 0x1.28856b68b3763p-30, 0x1.d0903ddf02986p-35, 0x1.6c790de14d614p-40,
      0x1.5b69a020ba495p-46, 0x1.b15c5119c39edp-53}},
    {7,
     {-0x1.4df07b8acc0cfp-29, -0x1.af3ad11d28544p-30, -0x1.d4ab6b67af223p-33, -0x1.757ee60d48684p-37,
      -0x1.3eb3c9f1656bcp-42, -0x1.4090d819bb998p-48, -0x1.adb298db8b0a9p-55}},
    {7,
     {0x1.cc47eb5a849eep-32, 0x1.48630c55a6fe5p-32, 0x1.5789a6e8be397p-35, 0x1.2f53ba249bae0p-39, 0x1.081255c9652f0p-44,
      0x1.1c707a2e66f55p-50, 0x1.913ef2330f09bp-57}},
    {6,
     {-0x1.57e84f46a4fdcp-34, -0x1.bec7163b3bfbcp-35, -0x1.1260943380bf0p-37, -0x1.d40b8306a06cfp-42,
      -0x1.be84659599ac8p-47, -0x1.ef88cb95adb0bp-53}},
    {6,
     {0x1.faf8ead469e1ep-37, 0x1.baeda03459ad5p-37, 0x1.afedce6bc5f10p-40, 0x1.d0233e0810c35p-44, 0x1.a9a67a9e62b15p-49,
      0x1.06bc8873f56f7p-54}},
    {6,
     {-0x1.ca83a87c6535ep-39, -0x1.bef5a9cca6f9dp-40, -0x1.9b733bf4c4904p-42, -0x1.3ff46c8395a1cp-46,
      -0x1.73a0ec05e6a22p-51, -0x1.b399f2a3e0091p-57}},
};

}  // namespace special_coefficients

KRISS_NAMESPACE_END
